"""Where everything is one: no command writes "1 steps"."""

import html
import re
from pathlib import Path

import pytest

from fewshot_bench.cli.main import main
from fewshot_bench.report.page.page import page
from tests.report.factory import write_cell
from tests.report.page_factory import changed, with_epochs
from tests.tiny import tiny_toml

_KIND = r"(?:(?:inner|meta|more|query|support|test|training)[ -])?"
WRONG = re.compile(rf"\b1 {_KIND}(?!pass\b|class\b|process\b)[a-z]+s\b(?!=)")
"""A count of one with a plural; "iterations=1" in a column beside one is none."""

GRID = tiny_toml(
    grid={"dataset": ["glyphs"], "ways": [2], "learner": ["maml"]},
    training={"iterations": 1, "iterations_per_epoch": 500, "tasks_per_batch": 1, "inner_steps": 1},
)

FACTS = {"queries": 1, "inner_steps_test": 1, "evaluation_tasks": 1, "ensemble": 1}
TRAINING = {"iterations": 1, "iterations_per_epoch": 1, "tasks_per_batch": 1, "inner_steps": 1}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One trained cell of everything, its untrained twin, and one that failed."""
    trained = with_epochs(
        write_cell(tmp_path, [0.9], training=TRAINING, evaluation={"tasks": 1}, fingerprint=FACTS), [0.9], 1
    )
    changed(trained / "status.json", plan={"device": "cpu", "threads": 1, "tasks_at_once": 1, "workers": 1})
    write_cell(tmp_path, [0.5], training={**TRAINING, "iterations": 0}, evaluation={"tasks": 1}, fingerprint=FACTS)
    write_cell(tmp_path, [0.5], learner="maml", training={**TRAINING, "queries": 2}, fingerprint=FACTS)
    write_cell(tmp_path, status="failed", reason="the loss is nan at meta-step 1.", seed=7)
    return tmp_path


def found_in(text: str) -> list[str]:
    """In running text; columns of a table are more than a space apart."""
    return [match[0] for match in WRONG.finditer(re.sub(r"\n +", " ", text))]


@pytest.mark.parametrize("form", ["terminal", "markdown", "latex"])
def test_a_report_of_one_of_each(folder, form, capsys):
    main(["report", str(folder), "--format", form])
    told = capsys.readouterr().out
    assert found_in(told) == []
    if form == "terminal":
        words = " ".join(told.split())
        assert "1 query per class" in words
        assert "1 inner step at test, 1 test task (seed 0)" in words
        assert "1 meta-step of 1 task" in words


def test_a_page_of_one_of_each(folder):
    assert found_in(html.unescape(re.sub("<[^>]*>", "|", page(folder)))) == []


def test_status_and_dry_run_of_one_cell(folder, tmp_path, capsys):
    grid = tmp_path / "one.toml"
    grid.write_text(GRID)
    main(["status", str(folder), "--all"])
    main(["run", str(grid), "--dry-run", "--out", str(tmp_path / "out")])
    told = "".join(capsys.readouterr())
    assert found_in(told) == []
    assert "1 cell (1 new)" in " ".join(told.split())
