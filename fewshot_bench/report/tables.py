"""The report of a folder: its tables and remarks before they have a format, and its four formats."""

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple, TextIO

import pandas as pd

from fewshot_bench.basics.counting import counted
from fewshot_bench.cells.cell import NO_INNER_OPTIMIZER
from fewshot_bench.cells.folders import CELLS, STATUSES
from fewshot_bench.cells.reading import CellFolder
from fewshot_bench.report import published
from fewshot_bench.report.columns import BLOCK, COLUMNS, KEYS, LEARNER, UNTRAINED, tidy
from fewshot_bench.report.console import screen, show
from fewshot_bench.report.error_table import ERROR_COLUMNS, error_table
from fewshot_bench.report.headline import headline_table
from fewshot_bench.report.latex import latex
from fewshot_bench.report.markdown import markdown
from fewshot_bench.report.pairwise_table import pairwise_table
from fewshot_bench.report.protocol import protocol
from fewshot_bench.report.results import MANY, Results, read_results
from fewshot_bench.report.results_csv import write_results_csv
from fewshot_bench.report.rows import Row
from fewshot_bench.report.table import Column, Table, explanations, needed, tabulate
from fewshot_bench.report.terminal import terminal


class Report(NamedTuple):
    """tables: what a reader sees, in order. remarks: what could not be used. results: what both were made of."""

    tables: tuple[Table, ...]
    remarks: tuple[str, ...]
    results: Results

    @property
    def data(self) -> pd.DataFrame:
        """The rows as plain numbers."""
        accuracies = tidy(self.results.rows)
        if not self.results.errors:
            return accuracies
        return pd.concat([accuracies, tidy(self.results.errors, ERROR_COLUMNS)], ignore_index=True)


FORMATS: Mapping[str, Callable[[Report], str]] = {
    "terminal": lambda report: terminal(report.tables, report.remarks),
    "markdown": lambda report: markdown(report.tables, report.remarks),
    "latex": lambda report: latex(report.tables, report.remarks),
    "csv": lambda report: report.data.to_csv(index=False, lineterminator="\n"),
}
"""Each ends with a line break. The terminal's is 100 columns wide and without colours; `terminal` takes others."""


def read_report(directory: Path) -> Report:
    """The report of what lies in `directory`/cells. Raises BenchError if there is no cell."""
    return report_of(read_results(directory))


def report_of(results: Results) -> Report:
    """The tables that these results have something for."""
    tables = (
        ablation_table(results.rows) if results.rows else None,
        headline_table(results.rows),
        pairwise_table(results.families),
        error_table(results.errors),
        incomplete_table(results.cells),
    )
    return Report(tuple(table for table in tables if table), results.remarks, results)


def summary(directory: Path, results: Results, file: TextIO) -> None:
    """Writes `directory`/results.csv, and prints the report to `file`: in colour and as wide as it, if a terminal.

    Raises BenchError if results.csv cannot be written.
    """
    path = write_results_csv(directory, results.cells)
    report = report_of(results)
    show(terminal(report.tables, report.remarks, *screen(file)), file)
    show(f"\nEvery cell: {path}. Cells with their records: {directory / CELLS}.\n", file)


def ablation_table(rows: Sequence[Row]) -> Table:
    """Table 2 of the paper (model x inner optimizer), beside what was printed and what comes without training.

    One line a configuration; percent with two decimals.
    """
    several = bool(needed([LEARNER], rows))
    what = "by learner, model" if several else f"of {rows[0].group.axes['learner']} by model"
    measured = [column for column in COLUMNS if column not in UNTRAINED]
    figures = published.flags(published.FIGURES) if any(map(_of_figures, rows)) else ()
    return tabulate(
        "ablation",
        f"Test accuracy {what} and inner optimizer, in percent",
        COLUMNS,
        rows,
        keys=KEYS,
        section=BLOCK,
        under=(
            *explanations(measured, rows),
            *(f"Figures 2 and 3 of the paper: {text}" for text in figures),
            *explanations(UNTRAINED, rows),
            *_notes(rows),
            *protocol(rows),
        ),
    )


def _of_figures(row: Row) -> bool:
    """Whether this is the setting that the paper's Figures 2 and 3 were drawn from."""
    axes = row.axes
    names = tuple(axes[key] for key in ("learner", "dataset", "ways", "shots", "backbone"))
    return names == (published.COMPARED_LEARNER, "omniglot", 20, 1, "resnet-4")


def _notes(rows: Sequence[Row]) -> list[str]:
    """What concerns whole rows."""
    lines = []
    if not all(row.group.first_test for row in rows):
        lines.append("Two rows that differ in batch norm alone are the same trained networks, tested with each kind.")
    axes = [row.axes for row in rows]
    for learner in dict.fromkeys(one["learner"] for one in axes if one["inner_optimizer"] == NO_INNER_OPTIMIZER):
        lines.append(f"{learner} has no inner loop: one cell stands for all inner optimizers.")
    return lines


_LONGEST = 300  # characters of a reason; the rest is in the cell's log.txt
_INCOMPLETE = (
    Column("cell", wrap=True, value=itemgetter(0)),
    Column("status", value=itemgetter(1)),
    Column("meta-steps", "right", value=itemgetter(2)),
    Column("reason", wrap=True, value=itemgetter(3)),
)
"""Of what `_lines` gives."""


def incomplete_table(cells: Sequence[CellFolder]) -> Table | None:
    """The cells that are not done, with the reason, failed ones first; None if all are done."""
    kinds: dict[tuple[str, str], list[CellFolder]] = {}
    for cell in sorted(cells, key=lambda cell: (STATUSES.index(cell.status), cell.name)):
        if cell.status != "done":
            kinds.setdefault((cell.status, cell.reason_and_notes), []).append(cell)
    if not kinds:
        return None
    lines = [line for (status, reason), alike in kinds.items() for line in _lines(status, reason, alike)]
    title = f"Cells without a result: {sum(map(len, kinds.values())):,} of {len(cells):,}"
    return tabulate("incomplete", title, _INCOMPLETE, lines)


def _lines(status: str, reason: str, alike: Sequence[CellFolder]) -> list[tuple[str, str, str, str]]:
    """(name, status, meta-steps done of those planned, reason) of cells; many of one status share a line."""
    short = reason if len(reason) <= _LONGEST else reason[:_LONGEST].rstrip() + " ... (log.txt has the rest)"
    if len(alike) >= MANY:
        return [(f"{counted(len(alike), 'cell')}, {alike[0].name} the first", status, "", short)]
    return [(cell.name, status, _iterations(cell), short) for cell in alike]


def _iterations(cell: CellFolder) -> str:
    planned = cell.config.get("training", {}).get("iterations") if cell.config else None
    return "" if cell.iterations is None else f"{cell.iterations} of {planned}" if planned else str(cell.iterations)
