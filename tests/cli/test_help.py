"""Help comes at once: nothing that takes long to load is loaded for it. Not timed, so no busy machine can fail it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from fewshot_bench.cli.main import COMMANDS

PROGRAM = Path(__file__).resolve().parents[2] / "run_bench.py"

SLOW = {"torch", "pandas", "pyarrow", "matplotlib", "scipy"}
"""Each takes a quarter of a second or more to load; for all of a help page there is half a second."""


def loaded(*words: str) -> tuple[str, set[str]]:
    """What the program prints in a process of its own, and the top-level packages that it loads for that."""
    command = [sys.executable, "-X", "importtime", PROGRAM, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout, set(re.findall(r"^import time:.*\| +(\w+)", done.stderr, re.MULTILINE))


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_loads_nothing_slow(command: str) -> None:
    printed, packages = loaded(command, "--help")
    assert f"usage: fewshot-bench {command}" in printed
    assert {"fewshot_bench", "tyro"} <= packages
    assert not packages & SLOW


def test_help_of_the_program_loads_nothing_slow() -> None:
    printed, packages = loaded("--help")
    assert all(command in printed for command in COMMANDS)
    assert "fewshot_bench" in packages
    assert not packages & (SLOW | {"tyro", "numpy"})


def test_what_is_slow_is_seen_when_it_is_loaded() -> None:
    assert "torch" in loaded("list", "learners")[1]
