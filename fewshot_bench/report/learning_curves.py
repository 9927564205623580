"""How a cell learned: accuracy over meta-steps in training and validation, as numbers and as a figure."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from fewshot_bench.cells.contents import is_regression
from fewshot_bench.cells.reading import CellFolder
from fewshot_bench.report.groups import Group
from fewshot_bench.report.names import INNER_OPTIMIZERS
from fewshot_bench.report.records import metrics
from fewshot_bench.report.statistics.twins import twins_of
from fewshot_bench.report.style import FAINT, INK, set_log_scale

POINTS = 100  # of a training curve; each is the mean over a block of meta-steps
_VALIDATION, _TRAINING = "#1f6f8b", "#c9a26b"
_RESIDUALS = {
    "inner_residual": "inner gradient where adaptation ended",
    "solver_residual": "linear system, |Ax - b| / |b|",
}


class Curve(NamedTuple):
    """training: one row a block of meta-steps: the last `iteration` of it, and means of every metric over it.

    validation: iteration, val_accuracy, val_loss. untrained: the validation accuracy of the same cell at 0 meta-steps,
    if the folder holds it. Accuracies are fractions.
    """

    cell: CellFolder
    training: pd.DataFrame
    validation: pd.DataFrame
    untrained: float | None


class Trained(NamedTuple):
    """A trained cell, and the same network of the same seed untrained, if the folder holds it."""

    cell: CellFolder
    twin: CellFolder | None


def trained(groups: Sequence[Group]) -> list[Trained]:
    """The done cells that were trained, each with its twin; reads nothing more of them."""
    groups = [group for group in groups if group.first_test]
    twins = twins_of(groups)
    found = []
    for group in groups:
        if group.iterations:
            twin = twins[id(group)].group
            by_seed = {cell.seed: cell for cell in twin.cells} if twin else {}
            found += [Trained(cell, by_seed.get(cell.seed)) for cell in group.cells]
    return found


def read_curve(trained: Trained) -> Curve | None:
    """The curve, None if there are no metrics. Raises BenchError if they cannot be read."""
    rows = metrics(trained.cell)
    untrained = float(trained.twin.result["val_accuracy"]) if trained.twin else None
    return Curve(trained.cell, _blocks(rows), _validated(rows), untrained) if rows else None


def curve_figure(curve: Curve) -> Figure:
    """Accuracy, and beside it the residuals of the estimate if the learner logs them."""
    residuals = [name for name in _RESIDUALS if name in curve.training]
    figure = Figure(figsize=(5.6 + 3.8 * bool(residuals), 3.6), layout="constrained")
    panels = figure.subplots(1, 1 + bool(residuals), squeeze=False)[0]
    _accuracy(panels[0], curve)
    if residuals:
        for name, colour in zip(residuals, (INK, _VALIDATION), strict=False):
            panels[1].plot(curve.training["iteration"], curve.training[name], color=colour, label=_RESIDUALS[name])
        panels[1].set(title="residuals", xlabel="meta-steps")
        set_log_scale(panels[1], "y", curve.training[residuals].to_numpy().ravel())
        panels[1].legend()
    axes = curve.cell.config
    names = [INNER_OPTIMIZERS.get(str(axes[key]), str(axes[key])) for key in ("learner", "backbone", "inner_optimizer")]
    task = f"{INNER_OPTIMIZERS.get(str(axes['dataset']), axes['dataset'])} {axes['ways']}-way {axes['shots']}-shot"
    figure.suptitle(f"{names[0]}, {names[1]}, {names[2]}, {task}, seed {axes['seed']}", x=0.01, ha="left", color=FAINT)
    return figure


def _accuracy(axes: Axes, curve: Curve) -> None:
    shots = curve.cell.config.get("training", {}).get("shots", curve.cell.config["shots"])
    label = "training tasks" if shots == curve.cell.config["shots"] else f"training tasks, {shots}-shot"
    regression = is_regression(curve.cell.fingerprint)
    sign = -1 if regression else 1  # the score of regression is minus the squared error
    axes.plot(
        curve.training["iteration"], sign * curve.training["accuracy"], color=_TRAINING, linewidth=0.9, label=label
    )
    steps, values = list(curve.validation["iteration"]), [sign * each for each in curve.validation["val_accuracy"]]
    if curve.untrained is not None:
        steps, values = [0, *steps], [sign * curve.untrained, *values]
        axes.axhline(
            sign * curve.untrained, color=FAINT, linewidth=0.9, linestyle=(0, (4, 2)), label="untrained, validation"
        )
    axes.plot(steps, values, color=_VALIDATION, marker="o", markersize=3.5, label="validation")
    if regression:
        set_log_scale(axes, "y", values)
    else:
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.set(title="mean squared error" if regression else "accuracy", xlabel="meta-steps")
    axes.legend(  # above the panel, beside its title, where it hides no curve
        loc="lower right", bbox_to_anchor=(1, 1), ncols=3, borderaxespad=0.2, handlelength=1.2, columnspacing=1.0
    )


def _blocks(rows: list[dict[str, Any]]) -> pd.DataFrame:
    table = pd.DataFrame([row for row in rows if "loss" in row]).drop(columns="epoch")
    size = max(1, -(-len(table) // POINTS))
    blocks = table.groupby((table["iteration"] - 1) // size)
    means = blocks.mean()
    means["iteration"] = blocks["iteration"].max()
    return means.reset_index(drop=True)


def _validated(rows: list[dict[str, Any]]) -> pd.DataFrame:
    table = pd.DataFrame([row for row in rows if "val_accuracy" in row])
    return table[["iteration", "val_accuracy", "val_loss"]] if len(table) else pd.DataFrame(columns=["iteration"])
