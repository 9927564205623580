"""The checkout's own folders are imported, though an installed wheel may bring folders of the same names.

learn2learn's brings `tests`. Of two folders of one name Python prefers one with an __init__.py, wherever on the path.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.runs import CHECKOUT

LOCATE = "import importlib.util, sys; print(importlib.util.find_spec(sys.argv[1]).origin)"


@pytest.mark.parametrize("name", ["benchmarks.worker", "tests.faults.runs", "tests.training.networks"])
def test_a_process_started_in_the_checkout_finds_the_checkouts(name, tmp_path, monkeypatch):
    package, _, _ = name.partition(".")
    (tmp_path / package).mkdir()
    (tmp_path / package / "__init__.py").touch()
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    words = [sys.executable, "-c", LOCATE, name]
    done = subprocess.run(words, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()) == CHECKOUT.joinpath(*name.split(".")).with_suffix(".py")
