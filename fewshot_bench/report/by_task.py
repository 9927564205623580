"""The test of a cell, task by task: what of its episodes.parquet is compared, and no more of the file than that."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pyarrow.parquet import ParquetFile

from fewshot_bench.basics.errors import BenchError
from fewshot_bench.cells.reading import CellFolder
from fewshot_bench.report.parquet import reading

AGREES = 1e-4  # of an accuracy in result.json and the mean of its tasks: they were summed in different orders

_COLUMNS = ("split", "task", "accuracy")


class ByTask(NamedTuple):
    """tasks: int64 [n], ascending; accuracy: float64 [n], a fraction."""

    tasks: NDArray[np.int64]
    accuracy: NDArray[np.float64]


def by_task(cell: CellFolder) -> ByTask:
    """The test that `cell.result` has the figures of.

    Raises BenchError where the file is missing, cannot be read or is of another run.
    """
    path = cell.folder / "episodes.parquet"
    if not path.is_file():
        raise BenchError(f"{cell.name}: episodes.parquet is missing.")
    with reading(path), ParquetFile(path, read_dictionary=["split"]) as file:
        tasks, accuracy = _rows(file, cell.test)
    repeated = (tasks[1:] == tasks[:-1]).any()
    if repeated or not len(tasks) or not abs(accuracy.mean() - cell.result["test_accuracy"]) <= AGREES:
        raise BenchError(f"{cell.name}: episodes.parquet does not agree with result.json.")
    return ByTask(tasks, accuracy)


def _rows(file: Any, test: str) -> ByTask:
    """The rows of a ParquetFile that are of one test, by task. Raises KeyError where it lacks a column."""
    names = file.schema_arrow.names
    for name in _COLUMNS:
        if name not in names:
            raise KeyError(f"it has no column {name}")
    groups, alone = _groups(file.metadata, names.index("split"), test)
    table = file.read_row_groups(groups, columns=list(_COLUMNS[alone:]), use_threads=False)
    chosen = slice(None) if alone else _of(table.column("split").combine_chunks(), test)
    tasks, accuracy = (table.column(name).to_numpy()[chosen] for name in _COLUMNS[1:])
    order = np.argsort(tasks, kind="stable")
    return ByTask(tasks[order].astype(np.int64), accuracy[order].astype(np.float64))


def _groups(metadata: Any, column: int, test: str) -> tuple[list[int], bool]:
    """The row groups that may hold rows of a test by what they say of `split`, and whether they hold no others."""
    groups, alone = [], True
    for group in range(metadata.num_row_groups):
        split = metadata.row_group(group).column(column).statistics
        told = split is not None and split.has_min_max
        if not told or split.min <= test <= split.max:
            groups.append(group)
            alone = alone and told and split.min == split.max and split.null_count == 0
    return groups, alone


def _of(splits: Any, test: str) -> NDArray[np.int64]:
    """Where a dictionary array has the value `test`."""
    names = splits.dictionary.to_pylist()
    return np.flatnonzero(splits.indices.to_numpy(zero_copy_only=False) == (names.index(test) if test in names else -1))
