"""Learned rates: a panel a hyperparameter and inner step, a line a tensor, coloured by depth and dashed by kind."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fewshot_bench.basics.counting import counted
from fewshot_bench.report.page.drawing import Frame, Key, Mark, Panel, across, axes, line, ticks
from fewshot_bench.report.page.rates import Lines, Rates, thinned
from fewshot_bench.report.page.words import also, model, short, task
from fewshot_bench.report.trajectories import KINDS

ROOM = 2_000_000
"""Characters that all figures of learned rates may take."""

TITLES = {"lr": "learning rate", "beta1": "Adam's beta1", "beta2": "Adam's beta2"}

_FINENESS = (60, 30, 16)  # points a line, as many as there is room for
_A_POINT, _A_LINE = 11, 170  # characters
_THREAD = 0.3  # of a panel's height; lines that fill less are looked at closely


class Folded(NamedTuple):
    """The panels of one cell, to be opened: where inner steps have their own, a row a hyperparameter. keys: dashes."""

    title: str
    keys: tuple[Key, ...]
    rows: tuple[tuple[Panel, ...], ...]


def folded(rates: Sequence[Rates]) -> tuple[list[Folded], int]:
    """As many as there is room for, in order, as finely as there is room for; and how many were left out."""
    points = next((fine for fine in _FINENESS if sum(_size(one, fine) for one in rates) <= ROOM), _FINENESS[-1])
    drawn: list[Folded] = []
    room = ROOM
    for one in rates:
        room -= _size(one, points)
        if room < 0 and drawn:
            break
        drawn.append(_figure(thinned(one, points)))
    return drawn, len(rates) - len(drawn)


def _size(rates: Rates, points: int) -> int:
    return rates.drawn * (_A_LINE + _A_POINT * min(points, len(rates.iterations)))


def _figure(rates: Rates) -> Folded:
    axes_ = rates.cell.config
    limits = {name: _limits(rates, name) for name in dict.fromkeys(each.hyperparameter for each in rates.lines)}
    ends = ", ".join(_range(rates, name) for name in limits)
    title = also(str(axes_["learner"]), model(axes_), task(axes_), f"seed {axes_['seed']}; at the end {ends}")
    used = [kind for kind in KINDS if kind in rates.kinds.values()]
    keys = tuple(Key(kind, f"kind-{kind}") for kind in used)
    by_name = [[each for each in rates.lines if each.hyperparameter == name] for name in limits]
    steps = any(each.step >= 0 for each in rates.lines)
    rows = by_name if steps else [list(rates.lines)]
    return Folded(
        title, keys, tuple(tuple(_panel(rates, each, limits[each.hyperparameter]) for each in row) for row in rows)
    )


def _panel(rates: Rates, lines: Lines, limits: tuple[float, float]) -> Panel:
    last = int(rates.iterations[-1])
    frame = Frame(x=(0.0, float(last)), y=limits)
    marks, labels = axes(
        frame,
        [(value, short(value)) for value in ticks(0, last, 4)],
        [(value, f"{value:g}") for value in ticks(*limits, 4)],
        "meta-steps",
    )
    if limits[0] < 0:
        marks.append(Mark(across(frame, 0.0), "zero"))
    deepest = max(1, len(rates.parameters) - 1)
    steps = [float(step) for step in rates.iterations]
    for column, name in enumerate(lines.parameters):
        values = lines.values[:, column]
        depth = rates.parameters.index(name) / deepest
        says = f"{name} ({rates.kinds[name]}): {_first(values):.3g}, at the end {values[-1]:.3g}"
        marks.append(Mark(line(frame, steps, list(values)), f"rate kind-{rates.kinds[name]}", f"--d:{depth:.2f}", says))
    step = f", inner step {lines.step}" if lines.step >= 0 else ""
    title = TITLES.get(lines.hyperparameter, lines.hyperparameter) + step
    says = f"{title}: {counted(len(lines.parameters), 'line')}, at the end {_ends(lines.values)}."
    return Panel(title, says, frame.width, frame.height, tuple(marks), tuple(labels))


def _limits(rates: Rates, name: str) -> tuple[float, float]:
    """One scale for all inner steps. From 0, as in the paper's figures, and betas to 1, unless lines would lie flat."""
    values = np.concatenate([each.values.ravel() for each in rates.lines if each.hyperparameter == name])
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    full = 1.0 if name.startswith("beta") else 1.05 * high or 1.0
    margin = 0.08 * (high - low) or 0.1 * abs(high) or 0.1
    if low >= 0 and (high == low or high - low > _THREAD * full):
        return 0.0, full
    return low - margin, high + margin


def _range(rates: Rates, name: str) -> str:
    values = np.concatenate([each.values[-1] for each in rates.lines if each.hyperparameter == name])
    low, high = np.nanmin(values), np.nanmax(values)
    return f"{name} {low:.2g} to {high:.2g}"


def _ends(values: NDArray[np.float64]) -> str:
    low, high = np.nanmin(values[-1]), np.nanmax(values[-1])
    return f"{low:.3g} to {high:.3g}"


def _first(values: NDArray[np.float64]) -> float:
    finite = values[np.isfinite(values)]
    return float(finite[0]) if len(finite) else float("nan")
