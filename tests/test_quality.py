"""Style and types, checked with the rest: one command tells all."""

import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[1]

CHECKS = [
    pytest.param(["ruff", "check", "."], id="ruff check"),
    pytest.param(["ruff", "format", "--check", "."], id="ruff format"),
    pytest.param(["mypy"], id="mypy"),
]


@pytest.mark.parametrize("words", CHECKS)
def test_check(words):
    done = subprocess.run([sys.executable, "-m", *words], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
