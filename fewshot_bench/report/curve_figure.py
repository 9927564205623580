"""Learning curves: accuracy over meta-steps in training and validation, the untrained network's as a line."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from fewshot_bench.cells.contents import SHOWN_AS
from fewshot_bench.report.curves import Curve
from fewshot_bench.report.log_scale import set_log_scale
from fewshot_bench.report.style import FAINT, INK

_VALIDATION, _TRAINING = "#1f6f8b", "#c9a26b"
_RESIDUALS = {
    "inner_residual": "inner gradient where adaptation ended",
    "solver_residual": "linear system, |Ax - b| / |b|",
}


def drawn(curve: Curve) -> Figure:
    """Accuracy, and beside it the residuals of the estimate where the learner logs them."""
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
    names = [SHOWN_AS.get(str(axes[key]), str(axes[key])) for key in ("learner", "backbone", "inner_optimizer")]
    task = f"{SHOWN_AS.get(str(axes['dataset']), axes['dataset'])} {axes['ways']}-way {axes['shots']}-shot"
    figure.suptitle(f"{names[0]}, {names[1]}, {names[2]}, {task}, seed {axes['seed']}", x=0.01, ha="left", color=FAINT)
    return figure


def _accuracy(axes: Axes, curve: Curve) -> None:
    shots = curve.cell.config.get("training", {}).get("shots", curve.cell.config["shots"])
    label = "training tasks" if shots == curve.cell.config["shots"] else f"training tasks, {shots}-shot"
    axes.plot(curve.training["iteration"], curve.training["accuracy"], color=_TRAINING, linewidth=0.9, label=label)
    steps, values = list(curve.validation["iteration"]), list(curve.validation["val_accuracy"])
    if curve.untrained is not None:
        steps, values = [0, *steps], [curve.untrained, *values]
        axes.axhline(curve.untrained, color=FAINT, linewidth=0.9, linestyle=(0, (4, 2)), label="untrained, validation")
    axes.plot(steps, values, color=_VALIDATION, marker="o", markersize=3.5, label="validation")
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.set(title="accuracy", xlabel="meta-steps")
    axes.legend(  # above the panel, beside its title, where it hides no curve
        loc="lower right", bbox_to_anchor=(1, 1), ncols=3, borderaxespad=0.2, handlelength=1.2, columnspacing=1.0
    )
