"""The section on learned rates: what cells learned beside their weights, thinned to what a page has room for.

A panel for each hyperparameter and inner step, a line for each tensor, coloured by depth and dashed by kind.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fewshot_bench.basics.counting import counted
from fewshot_bench.basics.errors import BenchError
from fewshot_bench.cells.folders import HYPERPARAMETERS
from fewshot_bench.cells.reading import CellFolder
from fewshot_bench.report.groups import Group
from fewshot_bench.report.names import model, short, task, with_commas
from fewshot_bench.report.page.drawing import Frame, Key, Mark, Panel, across, axes, line, ticks
from fewshot_bench.report.records import KINDS, kinds, read_trajectories

MOST_POINTS = 60
"""Of a line as it is read."""

MOST_CELLS = 80
"""So many configurations are looked at; `fewshot-bench plot` draws the others too."""


ROOM = 2_000_000
"""Characters that all figures of learned rates may take."""

TITLES = {"lr": "learning rate", "beta1": "Adam's beta1", "beta2": "Adam's beta2"}

_FINENESS = (60, 30, 16)  # points a line, as many as there is room for
_A_POINT, _A_LINE = 11, 170  # characters
_THREAD = 0.3  # of a panel's height; lines that fill less are looked at closely


class Lines(NamedTuple):
    """The values of one hyperparameter at one inner step, a line a tensor of the network, first layer first.

    step: -1 for a value that all inner steps share. values: [points, tensors].
    """

    hyperparameter: str
    step: int
    parameters: tuple[str, ...]
    values: NDArray[np.float64]


class Rates(NamedTuple):
    """What a cell learned. iterations: int64 [points]; kinds: of the tensors by name, see report/records.py."""

    cell: CellFolder
    iterations: NDArray[np.int64]
    lines: tuple[Lines, ...]
    parameters: tuple[str, ...]
    kinds: dict[str, str]

    @property
    def drawn(self) -> int:
        """How many lines there are."""
        return sum(len(each.parameters) for each in self.lines)


class LearnedRates(NamedTuple):
    """rates: of the first done seed of each configuration that learned any. unrecorded: learners of which this folder
    does not say what they learned. faults: sentences; left_out: configurations that nobody looked at, since there were
    too many."""

    rates: tuple[Rates, ...]
    unrecorded: tuple[str, ...]
    faults: tuple[str, ...]
    left_out: int


def learned_rates(groups: Sequence[Group]) -> LearnedRates:
    """Reads hyperparameters.parquet of the first seed of each trained configuration.

    Every trained cell writes one, without rows if nothing is learned; if it is absent, somebody removed it.
    """
    groups = [group for group in groups if group.iterations != 0 and group.cells and group.first_test]
    rates: list[Rates] = []
    unrecorded = [group.axes["learner"] for group in groups if not (group.cells[0].folder / HYPERPARAMETERS).is_file()]
    faults: list[str] = []
    for group in groups[:MOST_CELLS]:
        try:
            found = _read(group.cells[0])
        except BenchError as fault:
            faults.append(f"Not drawn: {fault}")
            continue
        rates += [found] if found else []
    return LearnedRates(tuple(rates), tuple(dict.fromkeys(unrecorded)), tuple(faults), max(0, len(groups) - MOST_CELLS))


def thinned(rates: Rates, points: int) -> Rates:
    """The same with at most `points` points a line; the first and the last stay."""
    if len(rates.iterations) <= points:
        return rates
    kept = np.linspace(0, len(rates.iterations) - 1, points).round().astype(int)
    lines = tuple(each._replace(values=each.values[kept]) for each in rates.lines)
    return rates._replace(iterations=rates.iterations[kept], lines=lines)


def _read(cell: CellFolder) -> Rates | None:
    trajectories = read_trajectories(cell)
    if trajectories is None:
        return None
    table, order = trajectories.table, list(trajectories.parameters)
    every = np.unique(table["iteration"].to_numpy())
    kept = every[np.linspace(0, len(every) - 1, min(len(every), MOST_POINTS)).round().astype(int)]
    table = table[table["iteration"].isin(kept)]
    names = [str(name) for name in table["hyperparameter"].unique()]
    lines = []
    for name in names:
        own = table[table["hyperparameter"] == name]
        lines += [
            _lines(own[own["inner_step"] == step], name, step, order) for step in sorted(own["inner_step"].unique())
        ]
    return Rates(cell, kept, tuple(lines), tuple(order), kinds(order))


def _lines(table: pd.DataFrame, name: str, step: int, order: Sequence[str]) -> Lines:
    """A hyperparameter at an inner step as a matrix; nan if a tensor has no value."""
    values = table.pivot_table(index="iteration", columns="parameter", values="value", aggfunc="last")
    found = [parameter for parameter in order if parameter in values.columns]
    return Lines(name, int(step), tuple(found), values[found].to_numpy("float64"))


class Folded(NamedTuple):
    """The panels of one cell, folded; a row for each hyperparameter if inner steps have own values. keys: dashes."""

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
    title = with_commas(str(axes_["learner"]), model(axes_), task(axes_), f"seed {axes_['seed']}; at the end {ends}")
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
