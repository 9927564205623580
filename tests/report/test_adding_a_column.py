"""docs/adding-a-column.md: its diff, applied to a copy of the package, adds a column to all five formats."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.report.factory import write_cell

CHECKOUT = Path(__file__).resolve().parents[2]
PROGRAM = """
import sys
from fewshot_bench.cli.main import main
for form in ("terminal", "markdown", "latex", "csv", "html"):
    assert main(["report", sys.argv[1], "--format", form, "--output", f"{sys.argv[1]}/{form}"]) == 0
"""


@pytest.fixture
def patched(tmp_path: Path) -> Path:
    """A folder with the package as the page's diff leaves it."""
    (diff,) = re.findall(r"```diff\n(.*?)```", (CHECKOUT / "docs" / "adding-a-column.md").read_text(), re.DOTALL)
    head, *hunks = diff.split("@@\n")
    name = head.splitlines()[0].removeprefix("--- a/")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(CHECKOUT / "fewshot_bench", tmp_path / "fewshot_bench", ignore=ignored)
    text = (tmp_path / name).read_text()
    for hunk in hunks:
        before, after = (
            "".join(line[1:] for line in hunk.splitlines(keepends=True) if line[0] in kept) for kept in (" -", " +")
        )
        assert text.count(before) == 1, before
        text = text.replace(before, after)
    (tmp_path / name).write_text(text)
    return tmp_path


def test_a_column_is_in_all_five_formats(patched: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    for seed in range(3):
        write_cell(folder, seed=seed)  # 12.5 s each
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(folder)], cwd=patched, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    text = {path.name: path.read_text() for path in folder.iterdir() if path.is_file()}
    for form in ("terminal", "markdown", "latex", "html"):
        assert "minutes: of computing, all seeds together." in text[form], form
    assert re.search(r"n +minutes", text["terminal"]) and re.search(r" 3 +0\.6 ", text["terminal"])
    assert "| n | minutes |" in text["markdown"] and "| 3 | 0.6 |" in text["markdown"]
    assert "n & minutes" in text["latex"] and "3 & 0.6 &" in text["latex"]
    assert re.search(r"<th[^>]*>minutes</th>", text["html"]) and "<span>0.6</span>" in text["html"]
    names, values = (line.split(",") for line in text["csv"].splitlines())
    assert values[names.index("minutes")] == "0.625"
