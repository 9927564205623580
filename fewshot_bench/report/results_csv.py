"""results.csv: a folder of results as one tidy table, with a row for each cell and test."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from fewshot_bench.basics.files import write_text
from fewshot_bench.cells.cell import AXES
from fewshot_bench.cells.contents import is_regression, whole
from fewshot_bench.cells.reading import CellFolder, read_cells
from fewshot_bench.report.groups import each_test, grouped, settings

WHOLE = (
    "ways", "shots", "seed", "iterations", "queries",
    "inner_steps_test", "evaluation_tasks", "evaluation_seed", "ensemble",
)  # fmt: skip
FRACTIONS = ("val_accuracy", "test_accuracy", "test_ci95")
FINGERPRINT = (
    "split_hash", "queries", "batch_norm", "rotations",
    "inner_steps_test", "evaluation_tasks", "evaluation_seed", "ensemble",
)  # fmt: skip
COLUMNS = (*AXES, "status", "reason", "iterations", *FRACTIONS, "seconds", *FINGERPRINT, "setting", "cell")
"""A cell that was tested with both kinds of batch norm has a row of each, told apart by `batch_norm`.

setting: what tells a row from others of the same axes, e.g. "iterations=0"; cell: the folder's name.
"""


def write_results_csv(directory: Path, cells: Sequence[CellFolder] | None = None) -> Path:
    """Writes `directory`/results.csv, whole or not at all, and returns its path.

    Args:
        cells: what lies in `directory`/cells; None: they are read here.

    Raises BenchError if there is no cell, or the file cannot be written.
    """
    path = directory / "results.csv"
    table = cells_table(read_cells(directory) if cells is None else cells)
    write_text(path, table.to_csv(index=False, lineterminator="\n"))
    return path


def cells_table(cells: Sequence[CellFolder]) -> pd.DataFrame:
    """One row a cell and test, sorted by axes and seed; columns as in COLUMNS. Accuracies are fractions."""
    setting = _settings(cells)
    rows = [_row(cell) | {"setting": setting.get(cell.name, "")} for cell in each_test(cells)]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    table = table.astype(dict.fromkeys(WHOLE, "Int64") | dict.fromkeys((*FRACTIONS, "seconds"), "float64"))
    if any(is_regression(cell.fingerprint) for cell in cells):
        table = _with_errors(table)
    return table.sort_values([*AXES, "setting", "cell"], ignore_index=True)


def _with_errors(table: pd.DataFrame) -> pd.DataFrame:
    """The table with columns of mean squared errors, whose scores are negative; accuracies of these rows are empty."""
    of_errors = (table["test_accuracy"] < 0) | (table["val_accuracy"] < 0)
    for part in ("val", "test"):
        table[f"{part}_squared_error"] = -table[f"{part}_accuracy"].where(of_errors)
    table["squared_error_ci95"] = table["test_ci95"].where(of_errors)
    table[list(FRACTIONS)] = table[list(FRACTIONS)].where(~of_errors)
    return table


def _row(cell: CellFolder) -> dict[str, Any]:
    fingerprint = cell.fingerprint
    return {
        **{axis: whole(cell.config.get(axis)) if axis in WHOLE else cell.config.get(axis) for axis in AXES},
        "status": cell.status,
        "reason": cell.reason_and_notes,
        "iterations": cell.iterations,
        **{name: cell.result.get(name) for name in FRACTIONS},
        "seconds": cell.seconds,
        **{name: whole(fingerprint.get(name)) if name in WHOLE else fingerprint.get(name) for name in FINGERPRINT},
        "cell": cell.name,
    }


def _settings(cells: Sequence[CellFolder]) -> dict[str, str]:
    """By cell name; of the configuration alone, so that cells that are not done have their setting too."""
    every = grouped([cell._replace(status="done", result={"fingerprint": {}}) for cell in cells])
    return {cell.name: words for group, words in zip(every, settings(every), strict=True) for cell in group.cells}
