"""Test accuracies by task: read from episodes.parquet, as a table of a configuration's seeds by tasks."""

import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pyarrow.parquet import ParquetFile

from fewshot_bench.basics.errors import BenchError
from fewshot_bench.cells.folders import EPISODES
from fewshot_bench.cells.reading import CellFolder
from fewshot_bench.report.groups import Group
from fewshot_bench.report.records import reading

AGREES = 1e-4  # of an accuracy in result.json and the mean of its tasks: they were summed in different orders

_COLUMNS = ("split", "task", "accuracy")


class Accuracies(NamedTuple):
    """seeds: of the rows, ascending. tasks: int64 [t], of the columns. values: float64 [seeds, t], fractions."""

    seeds: tuple[int, ...]
    tasks: NDArray[np.int64]
    values: NDArray[np.float64]


class ReadAccuracies(NamedTuple):
    """What could be read of a configuration, None if nothing could, and a sentence for each cell left out."""

    accuracies: Accuracies | None
    faults: tuple[str, ...]


class ByTask(NamedTuple):
    """The test of one cell. tasks: int64 [n], ascending; accuracy: float64 [n], fractions."""

    tasks: NDArray[np.int64]
    accuracy: NDArray[np.float64]


def read_accuracies(groups: Iterable[Group]) -> dict[int, ReadAccuracies]:
    """The test accuracies of each group, by id of the group. Groups are read in parallel."""
    each = {id(group): group for group in groups}
    with ThreadPoolExecutor(os.cpu_count()) as threads:  # Parquet is decoded outside of Python's lock
        return dict(zip(each, threads.map(lambda group: _of_seeds(group.cells), each.values()), strict=True))


def _of_seeds(cells: Sequence[CellFolder]) -> ReadAccuracies:
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
    return ReadAccuracies(found, tuple(faults))


def paired(first: Accuracies, second: Accuracies) -> NDArray[np.float64]:
    """First minus second, float64 [seeds that both have, tasks]; [0, tasks] if they have none in common.

    Raises BenchError if they were tested on different tasks.
    """
    if not np.array_equal(first.tasks, second.tasks):
        raise BenchError("they were tested on different tasks.")
    common = sorted({*first.seeds} & {*second.seeds})
    ours, theirs = (one.values[[one.seeds.index(seed) for seed in common]] for one in (first, second))
    return ours - theirs


def by_task(cell: CellFolder) -> ByTask:
    """The test whose figures `cell.result` has, task by task.

    Raises BenchError if the file is missing, cannot be read or is of another run.
    """
    path = cell.folder / EPISODES
    if not path.is_file():
        raise BenchError(f"{cell.name}: {EPISODES} is missing.")
    with reading(path), ParquetFile(path, read_dictionary=["split"]) as file:
        tasks, accuracy = _rows(file, cell.test)
    repeated = (tasks[1:] == tasks[:-1]).any()
    if repeated or not len(tasks) or not abs(accuracy.mean() - cell.result["test_accuracy"]) <= AGREES:
        raise BenchError(f"{cell.name}: {EPISODES} does not agree with result.json.")
    return ByTask(tasks, accuracy)


def _rows(file: Any, test: str) -> ByTask:
    """The rows of a ParquetFile that are of one test, by task. Raises KeyError if it lacks a column."""
    names = file.schema_arrow.names
    for name in _COLUMNS:
        if name not in names:
            raise KeyError(f"it has no column {name}")
    groups, alone = _row_groups(file.metadata, names.index("split"), test)
    table = file.read_row_groups(groups, columns=list(_COLUMNS[alone:]), use_threads=False)
    chosen = slice(None) if alone else _places(table.column("split").combine_chunks(), test)
    tasks, accuracy = (table.column(name).to_numpy()[chosen] for name in _COLUMNS[1:])
    order = np.argsort(tasks, kind="stable")
    return ByTask(tasks[order].astype(np.int64), accuracy[order].astype(np.float64))


def _row_groups(metadata: Any, column: int, test: str) -> tuple[list[int], bool]:
    """The row groups whose statistics of `split` allow rows of a test, and whether they hold no other rows."""
    groups, alone = [], True
    for group in range(metadata.num_row_groups):
        split = metadata.row_group(group).column(column).statistics
        known = split is not None and split.has_min_max
        if not known or split.min <= test <= split.max:
            groups.append(group)
            alone = alone and known and split.min == split.max and split.null_count == 0
    return groups, alone


def _places(splits: Any, test: str) -> NDArray[np.int64]:
    """The places at which a dictionary array has the value `test`."""
    names = splits.dictionary.to_pylist()
    return np.flatnonzero(splits.indices.to_numpy(zero_copy_only=False) == (names.index(test) if test in names else -1))
