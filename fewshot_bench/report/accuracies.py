"""Test accuracies of a configuration as a table, seeds by tasks."""

import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fewshot_bench.basics.errors import BenchError
from fewshot_bench.cells.reading import CellFolder
from fewshot_bench.report.by_task import ByTask, by_task
from fewshot_bench.report.groups import Group


class Accuracies(NamedTuple):
    """seeds: of the rows, ascending. tasks: int64 [t], of the columns. values: float64 [seeds, t], fractions."""

    seeds: tuple[int, ...]
    tasks: NDArray[np.int64]
    values: NDArray[np.float64]


class Read(NamedTuple):
    """What could be read of a configuration, None where nothing could, and a sentence for each cell left out."""

    found: Accuracies | None
    faults: tuple[str, ...]


def accuracies(cells: Sequence[CellFolder]) -> Read:
    """The tests of cells that differ in their seed alone. A cell tested on other tasks than the first is left out."""
    seeds: list[int] = []
    rows: list[ByTask] = []
    faults = []
    for cell in cells:
        try:
            test = by_task(cell)
            if rows and not np.array_equal(test.tasks, rows[0].tasks):
                raise BenchError(f"{cell.name} was tested on other tasks than its other seeds.")
        except BenchError as fault:
            faults.append(f"Left out of intervals and pairs: {fault}")
        else:
            seeds.append(cell.seed)
            rows.append(test)
    found = Accuracies(tuple(seeds), rows[0].tasks, np.stack([row.accuracy for row in rows])) if rows else None
    return Read(found, tuple(faults))


def read_accuracies(groups: Iterable[Group]) -> dict[int, Read]:
    """`accuracies` of each group, by its id. Groups are read side by side."""
    each = {id(group): group for group in groups}
    with ThreadPoolExecutor(os.cpu_count()) as threads:  # Parquet is decoded outside of Python's lock
        return dict(zip(each, threads.map(lambda group: accuracies(group.cells), each.values()), strict=True))


def paired(first: Accuracies, second: Accuracies) -> NDArray[np.float64]:
    """First minus second, float64 [seeds that both have, tasks]; of no seeds where they have none in common.

    Raises BenchError where they were tested on different tasks.
    """
    if not np.array_equal(first.tasks, second.tasks):
        raise BenchError("they were tested on different tasks.")
    common = sorted({*first.seeds} & {*second.seeds})
    ours, theirs = (one.values[[one.seeds.index(seed) for seed in common]] for one in (first, second))
    return ours - theirs
