"""Figures 2 and 3 of the paper: what was learned beside the weights, one line a parameter tensor, over epochs."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from fewshot_bench.report.names import with_optimizer
from fewshot_bench.report.records import KINDS, Trajectories, kinds
from fewshot_bench.report.style import DASHES, DEPTH, DEPTH_RANGE, FAINT, INK

TITLES = {"lr": "learning rate", "beta1": r"Adam's $\beta_1$", "beta2": r"Adam's $\beta_2$"}
FEW = 20
"""Up to so many tensors each line is named; of more, the extremes."""

_POINTS = 1500  # of a line; more cannot be seen, and make a PDF slow
_NAMED = {"lr": (5, 0)}  # how many ends to name from the top and from the bottom; most rates end together at the floor
_THREAD = 0.3  # of the height; lines that fill less are looked at closely
_NAMED_ELSE = (3, 3)
_IN_A_ROW = 5  # panels of inner steps
_GAP = 0.048  # of the height of the axes: a line of text of 7 points with some air
_TIE = {"arrowstyle": "-", "linewidth": 0.5, "shrinkA": 1, "shrinkB": 1, "relpos": (0, 0.5)}

Values = NDArray[np.float64]


class Line(NamedTuple):
    """One tensor's value over epochs; step: the inner step it belongs to, -1 for all."""

    parameter: str
    step: int
    epochs: Values
    values: Values


def hyperparameter_figure(trajectories: Trajectories, hyperparameters: Sequence[str]) -> Figure:
    """A panel for each hyperparameter, side by side; colour is depth, line style the kind of tensor.

    Where inner steps have values of their own, a panel for each step instead, a row or more for each hyperparameter.
    """
    few = len(trajectories.parameters) <= FEW
    looks = _looks(trajectories.parameters)
    lines = {name: lines_of(trajectories, name) for name in hyperparameters}
    if all(line.step < 0 for each in lines.values() for line in each):
        panels = len(hyperparameters)
        figure = Figure(figsize=(4.9 * panels + (1.9 if few or panels == 1 else 0.0), 4.4), layout="constrained")
        for axes, name in zip(figure.subplots(1, panels, squeeze=False)[0], hyperparameters, strict=True):
            _panel(axes, lines[name], looks, _limits(lines[name], name), TITLES.get(name, name))
            if not few:
                _name_extremes(axes, lines[name], looks, *_NAMED.get(name, _NAMED_ELSE))
    else:
        figure = _by_step(lines, looks, room=1.9 if few else 0.0)
    figure.suptitle(_heading(trajectories), x=0.01, ha="left", fontsize=9, color=FAINT)
    if few:
        kind = kinds(trajectories.parameters)
        handles = [Line2D([], [], label=_with_kind(name, kind[name]), **look) for name, look in looks.items()]
        figure.legend(handles=handles, loc="outside right center", handlelength=3)
    else:
        _legend_of_many(figure, looks)
    return figure


def _by_step(lines: Mapping[str, Sequence[Line]], looks: Mapping[str, Any], room: float) -> Figure:
    """A small panel for each inner step; those of a hyperparameter have one scale. room: inches for a legend."""
    rows: list[tuple[str, list[int]]] = []
    for name, each in lines.items():
        steps = sorted({line.step for line in each})
        rows += [(name, steps[first : first + _IN_A_ROW]) for first in range(0, len(steps), _IN_A_ROW)]
    width = max(len(steps) for _, steps in rows)
    figure = Figure(figsize=(max(2.4 * width, 4.9) + room, 2.9 * len(rows) + 0.9), layout="constrained")
    for places, (name, steps) in zip(figure.subplots(len(rows), width, squeeze=False), rows, strict=True):
        for column, axes in enumerate(places):
            if column >= len(steps):
                axes.remove()
                continue
            own = [line for line in lines[name] if line.step == steps[column]]
            title = TITLES.get(name, name) + (f", step {steps[column]}" if steps[column] >= 0 else "")
            _panel(axes, own, looks, _limits(lines[name], name), title)
            axes.tick_params(labelleft=column == 0)
    return figure


def lines_of(trajectories: Trajectories, hyperparameter: str) -> list[Line]:
    """The lines of one panel, by depth and inner step, thinned to what can be seen; the last point stays."""
    table = trajectories.table[trajectories.table["hyperparameter"] == hyperparameter]
    lines = []
    for (parameter, step), part in table.sort_values("iteration").groupby(["parameter", "inner_step"]):
        kept = np.unique(np.linspace(0, len(part) - 1, min(len(part), _POINTS)).round().astype(int))
        epochs, values = (part[name].to_numpy("float64")[kept] for name in ("epoch", "value"))
        lines.append(Line(str(parameter), int(str(step)), epochs, values))
    return sorted(lines, key=lambda line: (trajectories.parameters.index(line.parameter), line.step))


def _looks(parameters: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Colour by depth and line style by kind."""
    kind = kinds(parameters)
    shades = colormaps[DEPTH](np.linspace(*DEPTH_RANGE, len(parameters)))
    return {
        name: {"color": tuple(shade.tolist()), "linestyle": DASHES[kind[name]]}
        for name, shade in zip(parameters, shades, strict=True)
    }


def _panel(
    axes: Axes, lines: Sequence[Line], looks: Mapping[str, Any], limits: tuple[float, float], title: str
) -> None:
    for line in lines:
        axes.plot(line.epochs, line.values, **looks[line.parameter])
    last = max(float(line.epochs[-1]) for line in lines)
    axes.set(xlim=(0, last), ylim=limits, xlabel="epoch")
    axes.set_title(title)
    if limits[0] < 0:
        axes.axhline(0.0, color=FAINT, linewidth=0.7, zorder=0.5)
    start = {round(float(line.values[0]), 9) for line in lines}
    if len(start) == 1:
        axes.axhline(start.pop(), color=FAINT, linewidth=0.7, linestyle=(0, (1, 2)), zorder=0.5)


def _limits(lines: Sequence[Line], name: str) -> tuple[float, float]:
    """From 0, as in the paper, and betas to 1; closer to the values if they would fill little of that.

    From below 0 if a value is: rates without bounds may have either sign.
    """
    low = min(float(np.nanmin(line.values)) for line in lines)
    high = max(float(np.nanmax(line.values)) for line in lines)
    full = 1.0 if name.startswith("beta") else 1.05 * high or 1.0
    margin = 0.08 * (high - low)
    if low < 0:
        return low - margin, max(full, high + margin) if name.startswith("beta") else high + margin
    return (0.0, full) if high - low > _THREAD * full or high == low else (low - margin, high + margin)


def _name_extremes(axes: Axes, lines: Sequence[Line], looks: Mapping[str, Any], top: int, bottom: int) -> None:
    ranked = sorted(lines, key=lambda line: -line.values[-1])
    chosen = ranked if len(ranked) <= top + bottom else ranked[:top] + ranked[len(ranked) - bottom :]
    name_ends(
        axes,
        [
            End(line.parameter, float(line.epochs[-1]), float(line.values[-1]), looks[line.parameter]["color"])
            for line in chosen
        ],
    )


def _with_kind(parameter: str, kind: str) -> str:
    """The tensor's name, with its kind if the name does not say it."""
    return parameter if kind in parameter else f"{parameter} ({kind})"


def _legend_of_many(figure: Figure, looks: Mapping[str, Any]) -> None:
    """Kinds by line style, and depth by a few colours between the first tensor and the last."""
    kind = kinds(list(looks))
    used = [name for name in KINDS if name in kind.values()]
    handles = [Line2D([], [], color=INK, linestyle=DASHES[name], label=name) for name in used]
    figure.legend(handles=handles, loc="outside lower left", ncols=len(used), handlelength=3)
    names = list(looks)
    chosen = [names[round(place * (len(names) - 1))] for place in (0, 0.25, 0.5, 0.75, 1)]
    swatches = [Line2D([], [], color=looks[name]["color"], linewidth=4, label="") for name in chosen]
    swatches[-1].set_label("from the first layer to the last")
    figure.legend(handles=swatches, loc="outside lower right", ncols=len(swatches), handlelength=1.5, columnspacing=0)


def _heading(trajectories: Trajectories) -> str:
    config = trajectories.cell.config
    task = f"{config['dataset']} {config['ways']}-way {config['shots']}-shot"
    return f"{config['learner']}, {with_optimizer(config)}, {task}, seed {config['seed']}"


class End(NamedTuple):
    """Where a line ends, in data coordinates, with its name and colour."""

    name: str
    x: float
    y: float
    colour: tuple[float, ...]


def name_ends(axes: Axes, ends: Sequence[End]) -> None:
    """Writes each name right of the axes, tied to the end of its line. The limits of the axes have to be final."""
    low, high = axes.get_ylim()
    ranked = sorted(ends, key=lambda end: -end.y)
    places = apart([(end.y - low) / (high - low) for end in ranked])
    for end, place in zip(ranked, places, strict=True):
        axes.annotate(
            end.name,
            xy=(end.x, end.y),
            xytext=(1.035, place),
            textcoords="axes fraction",
            fontsize=7,
            color=end.colour,
            va="center",
            annotation_clip=False,
            arrowprops=_TIE | {"color": end.colour},
        )


def apart(wishes: Sequence[float], gap: float = _GAP) -> list[float]:
    """Heights near `wishes`, which fall, at least `gap` from each other and within [0, 1] if they fit.

    Names that would overlap make a block around the mean of their wishes; blocks that touch become one.
    """
    blocks: list[list[float]] = []
    for wish in wishes:
        blocks.append([wish])
        while len(blocks) > 1 and _spread(blocks[-2], gap)[-1] - gap < _spread(blocks[-1], gap)[0]:
            last = blocks.pop()
            blocks[-1] += last
    return [place for block in blocks for place in _spread(block, gap)]


def _spread(block: Sequence[float], gap: float) -> list[float]:
    """The places of a block, from its top down; it is moved into [0, 1], and begins at 1 if it is too long for that."""
    half = gap * (len(block) - 1) / 2
    top = min(max(sum(block) / len(block), half) + half, 1.0)
    return [top - gap * index for index in range(len(block))]
