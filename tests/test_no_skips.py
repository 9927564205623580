"""Tests of the extras fail where they would skip, and only where they were asked for."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

NO_SKIPS = Path(__file__).resolve().parent / "no_skips.py"

SKIPS = {
    "test_call.py": "@pytest.mark.peers\ndef test_call():\n    pytest.skip('one')",
    "test_mark.py": "@pytest.mark.peers\n@pytest.mark.skip(reason='two')\ndef test_mark(): ...",
    "test_file.py": "pytest.skip('three', allow_module_level=True)",
    "test_runs.py": "@pytest.mark.peers\ndef test_runs(): ...",
}


SKIPPED = {"test_call.py::test_call": "one", "test_mark.py::test_mark": "two", "test_file.py": "three"}


@pytest.mark.parametrize(("asked_for", "failures"), [("peers or cluster", SKIPPED), ("not long and not cluster", {})])
def test_a_skip_is_a_failure_where_it_was_asked_for(asked_for, failures, tmp_path):
    shutil.copy(NO_SKIPS, tmp_path / "conftest.py")
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = peers\n")
    for name, content in SKIPS.items():
        (tmp_path / name).write_text(f"import pytest\n\n{content}\n")
    words = [sys.executable, "-m", "pytest", "--continue-on-collection-errors", "-m", asked_for]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    found = re.findall(r"^(\S+) may not skip, since it was asked for with -m\. .*?(\w+)$", done.stdout, re.MULTILINE)
    assert dict(found) == failures, done.stdout + done.stderr
    assert done.returncode == (1 if failures else 0)
