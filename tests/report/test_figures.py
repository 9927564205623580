"""Figures of learned hyperparameters: they exist, hold the exact values, and are the same bytes every time."""

import math
import os
from itertools import pairwise
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from fewshot_bench.basics.errors import BenchError
from fewshot_bench.cells.reading import read_cell
from fewshot_bench.report.hyperparameter_figure import apart, hyperparameter_figure, lines_of
from fewshot_bench.report.plots import plot, plot_new
from fewshot_bench.report.records import Trajectories, kinds, read_trajectories
from fewshot_bench.report.style import set_log_scale
from tests.report.factory import write_cell, write_hyperparameters

VGG = [f"{index}.{tensor}" for index in (0, 1, 4, 5, 17) for tensor in ("weight", "bias")]
RESNET = [
    *(f"{block}.{name}" for block in range(4) for name in (
        "conv1.weight", "norm1.weight", "norm1.bias", "conv2.weight", "norm2.weight", "norm2.bias",
        "shortcut.0.weight", "shortcut.1.weight", "shortcut.1.bias",
    )),
    "6.weight",
    "6.bias",
]  # fmt: skip


def learned(folder: Path, parameters: list[str], names: tuple[str, ...], points: int = 7) -> Path:
    rng = np.random.default_rng(0)
    values = {(name, parameter): 0.1 + rng.random(points) / 3 for name in names for parameter in parameters}
    write_hyperparameters(folder, values)  # type: ignore[arg-type]
    return folder


def trajectories(folder: Path) -> Trajectories:
    cell = read_cell(folder)
    assert cell is not None
    found = read_trajectories(cell)
    assert found is not None
    return found


def test_sgd_has_learning_rates_and_adam_betas_too(tmp_path: Path) -> None:
    sgd = learned(write_cell(tmp_path, name="b-sgd"), VGG, ("lr",))
    adam = learned(write_cell(tmp_path, name="a-adam", inner_optimizer="adam"), RESNET, ("lr", "beta1", "beta2"))
    figures = tmp_path / "figures"
    files = [file.name for figure in plot(tmp_path) for file in figure.files]
    assert files == [
        *(f"{adam.name}-{figure}.{kind}" for figure in ("learning-rates", "betas") for kind in ("png", "pdf", "csv")),
        *(f"{sgd.name}-learning-rates.{kind}" for kind in ("png", "pdf", "csv")),
    ]
    assert sorted(files) == sorted(file.name for file in figures.iterdir())
    assert (figures / f"{adam.name}-betas.png").read_bytes().startswith(b"\x89PNG")
    assert (figures / f"{adam.name}-betas.pdf").read_bytes().startswith(b"%PDF")
    assert set(pd.read_csv(figures / f"{adam.name}-betas.csv")["hyperparameter"]) == {"beta1", "beta2"}
    written = pd.read_csv(figures / f"{sgd.name}-learning-rates.csv", dtype=str)
    given = pd.read_parquet(sgd / "hyperparameters.parquet")
    assert [float(value) for value in written["value"]] == given["value"].tolist()
    assert written["parameter"].tolist() == given["parameter"].tolist()
    assert [float(epoch) for epoch in written["epoch"]] == [iteration / 100 for iteration in given["iteration"]]


def test_a_run_draws_what_a_killed_one_left_undrawn(tmp_path: Path) -> None:
    adam = learned(write_cell(tmp_path, inner_optimizer="adam"), VGG[:4], ("lr", "beta1"))
    every = [file for figure in plot_new(tmp_path) for file in figure.files]
    assert [file for figure in plot_new(tmp_path) for file in figure.files] == []
    betas = [file for file in every if "betas" in file.name]
    betas[-1].unlink()
    assert [file for figure in plot_new(tmp_path) for file in figure.files] == betas
    later = 1 + max(file.stat().st_mtime_ns for file in every)
    os.utime(adam / "hyperparameters.parquet", ns=(later, later))
    assert [file for figure in plot_new(tmp_path) for file in figure.files] == every


def test_the_same_values_are_the_same_bytes(tmp_path: Path) -> None:
    learned(write_cell(tmp_path), VGG[:4], ("lr",))
    files = [file for figure in plot(tmp_path) for file in figure.files]
    first = [file.read_bytes() for file in files]
    with matplotlib.rc_context({"lines.linewidth": 5.0}):  # somebody's taste: kept, and kept out
        settings = dict(matplotlib.rcParams)
        assert list(plot(tmp_path))
        assert dict(matplotlib.rcParams) == settings
    assert [file.read_bytes() for file in files] == first


def test_lines_are_in_order_of_depth_and_keep_their_ends(tmp_path: Path) -> None:
    folder = learned(write_cell(tmp_path), VGG, ("lr",), points=4000)
    found = trajectories(folder)
    lines = lines_of(found, "lr")
    assert [line.parameter for line in lines] == VGG
    values = found.table.loc[found.table["parameter"] == "0.weight", "value"]
    assert len(lines[0].values) < 4000
    assert (lines[0].values[0], lines[0].values[-1]) == (values.iloc[0], values.iloc[-1])
    assert lines[0].epochs[-1] == 3999 * 50 / 100


def by_step(folder: Path, parameters: list[str], names: tuple[str, ...], steps: int) -> Path:
    rng = np.random.default_rng(1)
    for step in range(steps):
        values = {(name, parameter): rng.normal(0.1, 0.2, 7).tolist() for name in names for parameter in parameters}
        write_hyperparameters(folder, values, inner_step=step)
    return folder


def test_inner_steps_have_panels_of_one_scale_and_lines_below_zero_are_seen(tmp_path: Path) -> None:
    found = trajectories(by_step(write_cell(tmp_path), VGG, ("lr", "beta1"), 7))
    figure = hyperparameter_figure(found, ["lr", "beta1"])
    shown = [axes for axes in figure.axes if axes.lines]
    assert [axes.get_title() for axes in shown] == [
        *(f"learning rate, step {step}" for step in range(7)),
        *(rf"Adam's $\beta_1$, step {step}" for step in range(7)),
    ]
    assert len({axes.get_ylim() for axes in shown}) == 2
    for axes, step in zip(shown, range(7), strict=False):
        lines = [line for line in axes.lines if len(line.get_xdata()) == 7]
        own = found.table[(found.table["hyperparameter"] == "lr") & (found.table["inner_step"] == step)]
        assert len(lines) == len(VGG)
        assert sorted(v for line in lines for v in line.get_ydata()) == sorted(own["value"])
        assert axes.get_ylim()[0] < own["value"].min() < 0


def test_values_of_all_steps_have_one_panel_from_zero(tmp_path: Path) -> None:
    figure = hyperparameter_figure(trajectories(learned(write_cell(tmp_path), VGG, ("lr",))), ["lr"])
    (axes,) = figure.axes
    assert axes.get_title() == "learning rate"
    assert axes.get_ylim()[0] == 0


def test_kinds_are_told_by_names() -> None:
    assert [kinds(VGG)[f"{index}.weight"] for index in (0, 1, 4, 5, 17)] == ["weight", "norm", "weight", "norm", "head"]
    assert kinds(VGG)["4.bias"] == "bias"
    of = kinds(RESNET)
    assert (of["2.conv1.weight"], of["2.norm1.bias"], of["6.bias"]) == ("weight", "norm", "head")
    assert (of["0.shortcut.0.weight"], of["0.shortcut.1.weight"]) == ("weight", "norm")


@pytest.mark.parametrize("wishes", [[1.0, 0.99, 0.98], [0.02, 0.01, 0.0], [0.9, 0.5, 0.1], [0.5] * 6])
def test_names_are_apart_and_inside(wishes: list[float]) -> None:
    places = apart(wishes, gap=0.05)
    assert all(above - below >= 0.05 - 1e-12 for above, below in pairwise(places))
    assert places[0] <= 1
    assert places[-1] >= 0


def test_a_cell_that_learned_nothing_has_no_figure(tmp_path: Path) -> None:
    write_cell(tmp_path)
    learned(write_cell(tmp_path, training={"iterations": 0}), VGG, ("lr",), points=1)
    assert list(plot(tmp_path)) == []


def test_a_torn_file_is_named_and_the_others_drawn(tmp_path: Path) -> None:
    torn = learned(write_cell(tmp_path, name="a"), VGG, ("lr",)) / "hyperparameters.parquet"
    torn.write_bytes(torn.read_bytes()[:200])
    learned(write_cell(tmp_path, name="b"), VGG[:2], ("lr",))
    broken, whole = plot(tmp_path)
    assert f"{torn.parent.name}: hyperparameters.parquet cannot be read" in broken.fault
    assert len(whole.files) == 3


def test_a_figures_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    learned(write_cell(tmp_path), VGG[:2], ("lr",))
    (tmp_path / "figures").write_text("a file")
    with pytest.raises(BenchError, match="cannot write"):
        list(plot(tmp_path))


@pytest.mark.parametrize("which", ["x", "y"])
@pytest.mark.parametrize(
    ("values", "scale"),
    [
        ([0.1, 20.0], "log"),
        ([0.1, math.nan, math.inf, 20.0], "log"),
        ([0.0, 0.25, 900.0], "symlog"),
        ([-0.5, 0.25, 900.0], "symlog"),
        ([0.0, 0.0], "linear"),
        ([-0.5], "linear"),
        ([math.nan], "linear"),
        ([], "linear"),
    ],
)
def test_every_value_has_a_place(values, scale, which):
    figure = Figure()
    axes = figure.subplots()
    others = range(1, len(values) + 1)
    axes.plot(*((values, others) if which == "x" else (others, values)))
    other = "y" if which == "x" else "x"
    set_log_scale(axes, other, others)  # the other axis first, so that limits are known
    set_log_scale(axes, which, values)
    figure.draw_without_rendering()
    assert getattr(axes, f"get_{which}scale")() == scale
    low, high = getattr(axes, f"get_{which}lim")()
    assert all(low < value < high for value in values if math.isfinite(value))
    if scale == "symlog" and min(values) == 0:
        ticks = getattr(axes, f"get_{which}ticks")()
        assert 0 in ticks
        assert low > -0.25  # nearly nothing of what is below zero
