"""Scaling as a picture: a column an axis, time above memory, a line a library, both scales logarithmic."""

from collections.abc import Sequence
from typing import NamedTuple

import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator, StrMethodFormatter

from benchmarks.libraries import CONTENDERS
from fewshot_bench.report.style import STYLE, set_log_scale

TITLES = {
    "steps": "inner steps",
    "tasks": "tasks in a meta-step",
    "replicas": "replicas (time of each, memory of all)",
    "ways": "ways",
}
OURS = ("#b5482f", "#1f6f8b")
OTHERS = ("#22262b", "#7a8a3c", "#c9a26b", "#8a6fae", "#5f9ea0", "#b56f8c", "#8b939c")


class Point(NamedTuple):
    """seconds: of a meta-step; mebibytes: peak above what there was. None where not measured; reason: why."""

    axis: str
    value: int
    contender: str
    seconds: float | None = None
    mebibytes: float | None = None
    reason: str = ""


def drawn(points: Sequence[Point]) -> Figure:
    """Those axes that have points.

    Replicas: the time of one and the memory of all. Other libraries do them one after another, at constant cost.
    """
    axes = [axis for axis in TITLES if any(point.axis == axis for point in points)]
    looks = _looks([name for name in CONTENDERS if any(point.contender == name for point in points)])
    with matplotlib.style.context(STYLE):
        figure = Figure(figsize=(3.1 * len(axes) + 1.9, 5.6), layout="constrained")
        panels = figure.subplots(2, len(axes), squeeze=False, sharex="col")
        for column, axis in enumerate(axes):
            for row, (measure, label) in enumerate((("seconds", "seconds a meta-step"), ("mebibytes", "peak MiB"))):
                _panel(panels[row][column], [point for point in points if point.axis == axis], measure, looks)
                panels[row][column].set_ylabel(label if column == 0 else "")
            panels[0][column].set_title(TITLES[axis])
        handles, labels = panels[0][0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside right upper", handlelength=2)
    return figure


def _panel(axes: Axes, points: Sequence[Point], measure: str, looks: dict[str, dict[str, object]]) -> None:
    values = sorted({point.value for point in points})
    shown: list[float] = []
    for name, look in looks.items():
        found = [(p.value, getattr(p, measure)) for p in points if p.contender == name]
        known = [(at, y) for at, y in found if y is not None]
        if points[0].axis == "replicas" and measure == "seconds":
            known = [(at, y / at) for at, y in known]
        if points[0].axis == "replicas" and known and not CONTENDERS[name].ours:
            known = [(at, known[0][1]) for at in values]
        axes.plot([at for at, _ in known], [y for _, y in known], label=name, **look)  # type: ignore[arg-type]
        shown += [y for _, y in known]
    set_log_scale(axes, "x", values)
    set_log_scale(axes, "y", shown, minor=(2, 5))
    axes.xaxis.set_major_locator(FixedLocator(values))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.yaxis.set_minor_formatter(StrMethodFormatter("{x:g}"))


def _looks(names: Sequence[str]) -> dict[str, dict[str, object]]:
    """The package with thick lines and round marks; of other libraries each has a colour and a mark of its own."""
    ours = [name for name in names if CONTENDERS[name].ours]
    others = [name for name in names if not CONTENDERS[name].ours]
    looks: dict[str, dict[str, object]] = {
        name: {"color": colour, "marker": "o", "markersize": 4.5, "linewidth": 2.2, "zorder": 3.0}
        for name, colour in zip(ours, OURS, strict=False)
    }
    for name, colour, mark in zip(others, OTHERS, "sD^v<>X", strict=False):
        looks[name] = {"color": colour, "marker": mark, "markersize": 3.5, "linewidth": 1.0}
    return looks
