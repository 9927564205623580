"""Learning curves: what metrics.jsonl says, thinned, with the untrained network beside it."""

import json
import os
from pathlib import Path

import pytest

from fewshot_bench.basics.errors import BenchError
from fewshot_bench.cells.reading import read_cells
from fewshot_bench.report.groups import grouped
from fewshot_bench.report.learning_curves import POINTS, Curve, curve_figure, read_curve
from fewshot_bench.report.learning_curves import trained as trained_cells
from fewshot_bench.report.plots import plot, plot_new
from tests.report.factory import write_cell

STEPS = 300


def curves(directory: Path) -> list[Curve]:
    """Of each trained cell with metrics."""
    return [curve for one in trained_cells(grouped(read_cells(directory))) if (curve := read_curve(one))]


def trained(directory: Path, **more: float) -> Path:
    folder = write_cell(directory)
    lines = []
    for i in range(1, STEPS + 1):
        lines.append({"iteration": i, "epoch": 0, "loss": 1.0, "accuracy": i / STEPS, "meta_rate": 0.1, **more})
        if i % 100 == 0:
            lines.append({"epoch": i // 100, "iteration": i, "val_accuracy": 0.5 + i / 1000, "val_loss": 0.3})
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def test_training_is_averaged_in_blocks_and_validation_kept(tmp_path):
    trained(tmp_path)
    write_cell(tmp_path, training={"iterations": 0}, val_accuracy=0.25)
    (curve,) = curves(tmp_path)
    assert len(curve.training) == POINTS
    assert curve.training["iteration"].tolist()[:2] == [3, 6]
    assert curve.training["accuracy"].tolist()[0] == pytest.approx((1 + 2 + 3) / 3 / STEPS)
    assert curve.validation["val_accuracy"].tolist() == pytest.approx([0.6, 0.7, 0.8])
    assert curve.untrained == 0.25


def test_figure_shows_residuals_where_they_were_logged(tmp_path):
    trained(tmp_path, inner_residual=0.1, solver_residual=0.2)
    (curve,) = curves(tmp_path)
    assert curve.untrained is None
    accuracy, residuals = curve_figure(curve).axes
    assert {line.get_label() for line in accuracy.lines} == {"training tasks", "validation"}
    assert len(residuals.lines) == 2
    assert residuals.get_yscale() == "log"


def test_a_residual_of_zero_is_in_sight(tmp_path):
    trained(tmp_path, inner_residual=0.1, solver_residual=0.0)
    (curve,) = curves(tmp_path)
    _, residuals = curve_figure(curve).axes
    residuals.figure.draw_without_rendering()
    assert residuals.get_yscale() == "symlog"
    low, high = residuals.get_ylim()
    assert low < 0 < 0.1 < high


def test_every_trained_cell_gets_its_files(tmp_path):
    trained(tmp_path)
    files = [file.name.rpartition("-learning-curve")[2] for drawn in plot(tmp_path) for file in drawn.files]
    assert files == [".png", ".pdf", ".csv"]


def made(drawn) -> list[str]:
    return [file.name.rpartition("-learning-curve")[2] for figure in drawn for file in figure.files]


def test_a_run_draws_what_is_not_drawn_yet(tmp_path):
    folder = trained(tmp_path)
    three = [".png", ".pdf", ".csv"]
    assert made(plot_new(tmp_path)) == three
    assert made(plot_new(tmp_path)) == []
    assert made(plot(tmp_path)) == three  # `plot` draws all, always
    (csv,) = (tmp_path / "figures").glob("*.csv")
    csv.unlink()  # written last: a run was killed before
    assert made(plot_new(tmp_path)) == three
    later = 1 + max(path.stat().st_mtime_ns for path in (tmp_path / "figures").iterdir())
    os.utime(folder / "metrics.jsonl", ns=(later, later))
    assert made(plot_new(tmp_path)) == three


def test_a_twin_that_comes_later_is_drawn_into_the_curve(tmp_path):
    trained(tmp_path)
    assert made(plot_new(tmp_path)) and not made(plot_new(tmp_path))
    write_cell(tmp_path, training={"iterations": 0}, val_accuracy=0.25)
    assert made(plot_new(tmp_path)) == [".png", ".pdf", ".csv"]


def test_torn_metrics_are_a_sentence(tmp_path):
    folder = trained(tmp_path)
    (folder / "metrics.jsonl").write_text('{"iteration": 1,')
    with pytest.raises(BenchError, match="cannot be read"):
        curves(tmp_path)
    (drawn,) = plot(tmp_path)
    assert not drawn.files and "cannot be read" in drawn.fault
