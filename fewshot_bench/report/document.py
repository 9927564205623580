"""A results folder as a document: tables and sentences, before it has a format; and its four formats."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from fewshot_bench.cells import code_changes
from fewshot_bench.cells.reading import CellFolder, read_cells
from fewshot_bench.report.ablation import ablation_table
from fewshot_bench.report.differences_table import differences_table
from fewshot_bench.report.headline import headline_table
from fewshot_bench.report.incomplete import MANY, incomplete_table
from fewshot_bench.report.latex import latex
from fewshot_bench.report.markdown import markdown
from fewshot_bench.report.rows import rows_of
from fewshot_bench.report.table import Table
from fewshot_bench.report.terminal import terminal
from fewshot_bench.report.tidy import tidy


class Report(NamedTuple):
    """tables: what a reader sees, in order. remarks: what could not be used. data: the same rows as plain numbers."""

    tables: tuple[Table, ...]
    remarks: tuple[str, ...]
    data: pd.DataFrame


FORMATS: Mapping[str, Callable[[Report], str]] = {
    "terminal": lambda report: terminal(report.tables, report.remarks),
    "markdown": lambda report: markdown(report.tables, report.remarks),
    "latex": lambda report: latex(report.tables, report.remarks),
    "csv": lambda report: report.data.to_csv(index=False, lineterminator="\n"),
}
"""Each ends with a line break. The terminal's is 100 columns wide and without colours; `terminal` takes others."""


def read_report(directory: Path) -> Report:
    """The report of what lies in `directory`/cells. Raises BenchError where there is nothing."""
    return report_of(read_cells(directory))


def report_of(cells: Sequence[CellFolder]) -> Report:
    """Reads no more than the cells' episodes.parquet, and these only where seeds or pairs have to be compared."""
    rows, remarks = rows_of(cells)
    differences = differences_table(rows)
    tables = (
        ablation_table(rows) if rows else None,
        headline_table(rows),
        differences.table,
        incomplete_table(cells),
    )
    said = tuple(dict.fromkeys([*remarks, *differences.remarks]))
    code = tuple(code_changes.remarks((cell.name, cell.code) for cell in cells if cell.status == "done"))
    return Report(tuple(table for table in tables if table), (*code, *_folded(said)), tidy(rows))


def _folded(remarks: Sequence[str]) -> tuple[str, ...]:
    """The first remarks and how many more there are: a folder copied without episodes has one a cell."""
    if len(remarks) <= MANY:
        return tuple(remarks)
    return (*remarks[:MANY], f"And {len(remarks) - MANY:,} remarks more of this kind.")
