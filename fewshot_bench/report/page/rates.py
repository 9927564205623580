"""What cells learned beside their weights, thinned to what a page has room for."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fewshot_bench.basics.errors import BenchError
from fewshot_bench.cells.reading import CellFolder
from fewshot_bench.report.groups import grouped
from fewshot_bench.report.trajectories import FILE, kinds, read_trajectories

MOST_POINTS = 60
"""Of a line as it is read."""

MOST_CELLS = 80
"""So many configurations are looked at; `fewshot-bench plot` draws the others too."""


class Lines(NamedTuple):
    """The values of one hyperparameter at one inner step, a line a tensor of the network, first layer first.

    step: -1 for a value that all inner steps share. values: [points, tensors].
    """

    hyperparameter: str
    step: int
    parameters: tuple[str, ...]
    values: NDArray[np.float64]


class Rates(NamedTuple):
    """What a cell learned. iterations: int64 [points]; kinds: of the tensors by name, see report/trajectories.py."""

    cell: CellFolder
    iterations: NDArray[np.int64]
    lines: tuple[Lines, ...]
    parameters: tuple[str, ...]
    kinds: dict[str, str]

    @property
    def drawn(self) -> int:
        """How many lines there are."""
        return sum(len(each.parameters) for each in self.lines)


class Found(NamedTuple):
    """rates: of the first done seed of each configuration that learned any. unrecorded: learners of which this folder
    does not say what they learned. faults: sentences; left_out: configurations that nobody looked at, since there were
    too many."""

    rates: tuple[Rates, ...]
    unrecorded: tuple[str, ...]
    faults: tuple[str, ...]
    left_out: int


def learned_rates(cells: Sequence[CellFolder]) -> Found:
    """Reads hyperparameters.parquet of the first seed of each trained configuration.

    Every trained cell writes one, without rows where nothing is learned: where it is absent, it was taken away.
    """
    groups = [group for group in grouped(cells) if group.iterations != 0 and group.cells]
    rates: list[Rates] = []
    unrecorded = [group.axes["learner"] for group in groups if not (group.cells[0].folder / FILE).is_file()]
    faults: list[str] = []
    for group in groups[:MOST_CELLS]:
        try:
            found = _read(group.cells[0])
        except BenchError as fault:
            faults.append(f"Not drawn: {fault}")
            continue
        rates += [found] if found else []
    return Found(tuple(rates), tuple(dict.fromkeys(unrecorded)), tuple(faults), max(0, len(groups) - MOST_CELLS))


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
    """A hyperparameter at an inner step as a matrix; nan where a tensor has no value."""
    values = table.pivot_table(index="iteration", columns="parameter", values="value", aggfunc="last")
    found = [parameter for parameter in order if parameter in values.columns]
    return Lines(name, int(step), tuple(found), values[found].to_numpy("float64"))
