"""What is on disk as one tidy table, one row a cell, and results.csv."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from fewshot_bench.basics.files import write_text
from fewshot_bench.cells.contents import whole
from fewshot_bench.cells.reading import CellFolder, read_cells
from fewshot_bench.report.groups import grouped, settings
from fewshot_bench.report.measured import measured

WHOLE = (
    "ways", "shots", "seed", "iterations", "queries",
    "inner_steps_test", "evaluation_tasks", "evaluation_seed", "ensemble",
)  # fmt: skip
FRACTIONS = ("val_accuracy", "test_accuracy", "test_ci95")
FINGERPRINT = (
    "split_hash", "queries", "batch_norm", "rotations",
    "inner_steps_test", "evaluation_tasks", "evaluation_seed", "ensemble",
)  # fmt: skip
AXES = ("dataset", "split", "ways", "shots", "learner", "backbone", "inner_optimizer", "seed")
COLUMNS = (*AXES, "status", "reason", "iterations", *FRACTIONS, "seconds", *FINGERPRINT, "setting", "cell")
"""A cell that was tested with both kinds of batch norm has a row of each, told apart by `batch_norm`.

setting: what tells a row from others of the same axes, e.g. "iterations=0"; cell: the folder's name.
"""


def collect(directory: Path) -> pd.DataFrame:
    """One row a cell and test, sorted by axes and seed; columns as in COLUMNS.

    Accuracies are fractions; what is absent is missing.

    Raises BenchError when `directory` does not exist or holds no cell.
    """
    return tabulated(read_cells(directory))


def write_results_csv(directory: Path) -> Path:
    """Writes `directory`/results.csv from what lies in `directory`/cells, whole or not at all. Returns its path."""
    return write_cells_csv(directory, read_cells(directory))


def write_cells_csv(directory: Path, cells: Sequence[CellFolder]) -> Path:
    """The same of cells that were read already."""
    path = directory / "results.csv"
    write_text(path, tabulated(cells).to_csv(index=False, lineterminator="\n"))
    return path


def tabulated(cells: Sequence[CellFolder]) -> pd.DataFrame:
    """Cells as a table; pure."""
    setting = _settings(cells)
    rows = [_row(cell) | {"setting": setting.get(cell.name, "")} for cell in measured(cells)]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    table = table.astype(dict.fromkeys(WHOLE, "Int64") | dict.fromkeys((*FRACTIONS, "seconds"), "float64"))
    return table.sort_values([*AXES, "setting", "cell"], ignore_index=True)


def _row(cell: CellFolder) -> dict[str, Any]:
    fingerprint = cell.fingerprint
    return {
        **{axis: whole(cell.config.get(axis)) if axis in WHOLE else cell.config.get(axis) for axis in AXES},
        "status": cell.status,
        "reason": cell.told,
        "iterations": cell.iterations,
        **{name: cell.result.get(name) for name in FRACTIONS},
        "seconds": cell.seconds,
        **{name: whole(fingerprint.get(name)) if name in WHOLE else fingerprint.get(name) for name in FINGERPRINT},
        "cell": cell.name,
    }


def _settings(cells: Sequence[CellFolder]) -> dict[str, str]:
    """By cell name; of the configuration alone, so that a cell that is not done is told apart as well."""
    every = grouped([cell._replace(status="done", result={"fingerprint": {}}) for cell in cells])
    return {cell.name: words for group, words in zip(every, settings(every), strict=True) for cell in group.cells}
