"""Accuracy against time: who is drawn, and where."""

from pathlib import Path

import pytest

from fewshot_bench.report.page.cost import Scatter, cost_figure
from fewshot_bench.report.results import read_results
from tests.report.factory import write_cell
from tests.report.page_factory import changed


def figure(directory: Path, **seconds: float | None) -> Scatter | None:
    for learner, value in seconds.items():
        changed(write_cell(directory, learner=learner) / "status.json", seconds=value)
    rows = list(read_results(directory).rows)
    return cost_figure(rows)


@pytest.mark.parametrize("short", [0.0, 0.0004, 0.05])
def test_a_cell_that_took_next_to_nothing_is_drawn_within_the_frame(tmp_path: Path, short: float) -> None:
    found = figure(tmp_path, reptile=short, maml=700.0)
    assert found is not None
    (panel,) = found.panels
    dots = [mark for mark in panel.marks if mark.look.startswith("dot")]
    assert len(dots) == 2
    places = sorted(float(mark.path.removeprefix("M").split()[0]) for mark in dots)
    assert 40 <= places[0] < places[1] <= panel.width


def test_who_recorded_no_seconds_is_left_out(tmp_path: Path) -> None:
    assert figure(tmp_path, reptile=None, maml=700.0) is None
