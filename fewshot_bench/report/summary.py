"""What a run says at its end: the table, and where everything lies."""

from pathlib import Path
from typing import TextIO

from fewshot_bench.cells.reading import read_cells
from fewshot_bench.report.collect import write_cells_csv
from fewshot_bench.report.console import screen, show
from fewshot_bench.report.document import report_of
from fewshot_bench.report.terminal import terminal


def summary(directory: Path, file: TextIO) -> None:
    """Writes `directory`/results.csv, and prints the report to `file`: in colour and as wide as it, if a terminal.

    Raises BenchError when `directory` holds no cell or results.csv cannot be written.
    """
    cells = read_cells(directory)
    path = write_cells_csv(directory, cells)
    report = report_of(cells)
    show(terminal(report.tables, report.remarks, *screen(file)), file)
    show(f"\nEvery cell: {path}. Cells with their records: {directory / 'cells'}.\n", file)
