"""How the committed runs learned: validation accuracy against meta-steps, and what was learned beside the weights."""

from collections.abc import Mapping, Sequence
from itertools import cycle
from pathlib import Path

import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from benchmarks.reproduced import Run
from fewshot_bench.cells.reading import read_cells
from fewshot_bench.report.groups import grouped
from fewshot_bench.report.hyperparameter_figure import hyperparameter_figure
from fewshot_bench.report.names import model, task, with_commas
from fewshot_bench.report.page.learning import LearnedCurve, learned
from fewshot_bench.report.plots import figures_of
from fewshot_bench.report.published_beside import protocol_differences, published_beside
from fewshot_bench.report.records import read_trajectories
from fewshot_bench.report.style import STYLE

COLOURS = ("#1f6f8b", "#b5482f", "#7a8a3c", "#8a6fae", "#c9a26b", "#5f9ea0")
ACROSS = 2
_DPI = 130
_DASHED, _DOTTED = (0, (4, 2)), (0, (1, 2))


def curves_figure(panels: Sequence[Sequence[Run]]) -> Figure:
    """The runs of each panel, every configuration from its untrained network on; the published accuracy is dashed,
    and dotted where it was measured otherwise.
    """
    rows = -(-len(panels) // ACROSS)
    with matplotlib.style.context(["default", STYLE]):
        figure = Figure(figsize=(5.4 * ACROSS, 3.6 * rows), layout="constrained")
        places = list(figure.subplots(rows, ACROSS, squeeze=False).flat)
        for axes, runs in zip(places, panels, strict=False):
            _panel(axes, [(run.folder, curve) for run in runs for curve in learned(grouped(read_cells(run.path)))])
        for axes in places[len(panels) :]:
            axes.remove()
    return figure


def _panel(axes: Axes, curves: Sequence[tuple[str, LearnedCurve]]) -> None:
    """curves: each with the folder of its run; all of one task."""
    models = [model(curve.group.axes) for _, curve in curves]
    names = [with_commas(name, curve.setting) for name, (_, curve) in zip(models, curves, strict=True)]
    title = [" and ".join(dict.fromkeys(curve.group.axes["learner"] for _, curve in curves))]
    title.append(task(curves[0][1].group.axes))
    if len(set(names)) < len(names):  # one model in several runs: it is in the title, the runs are in the legend
        names = [with_commas(folder, curve.setting) for folder, curve in curves]
        title.append(models[0])
    for colour, name, (_, curve) in zip(cycle(COLOURS), names, curves, strict=False):
        axes.plot(curve.steps, curve.mean, color=colour, marker="o", markersize=3, label=name)
        published = published_beside(curve.group.axes, str(curve.group.fingerprint["batch_norm"]))
        if published:
            alike = not protocol_differences(curve.group.protocol, published.protocol)
            axes.axhline(
                published.value.mean / 100, color=colour, linewidth=0.9, linestyle=_DASHED if alike else _DOTTED
            )
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.set(title=with_commas(*title), xlabel="meta-steps", xlim=(0, None))
    axes.legend(loc="best")


def learned_figures(run: Run) -> Mapping[str, Figure]:
    """Figures 2 and 3 of the paper, by inner optimizer: of each trained cell, the panel with most in it."""
    made = {}
    for cell in read_cells(run.path):
        trajectories = read_trajectories(cell)
        if trajectories is not None:
            panels = max((panels for panels, _ in figures_of(trajectories).values()), key=len)
            with matplotlib.style.context(["default", STYLE]):
                made[str(cell.config["inner_optimizer"])] = hyperparameter_figure(trajectories, panels)
    return made


def save(figure: Figure, path: Path) -> None:
    """The same values give the same bytes, with one version of the library."""
    with matplotlib.style.context(["default", STYLE]):
        figure.savefig(path, dpi=_DPI, metadata={"Software": None})
