"""What a run says at its end: the table, and where everything lies."""

import os
import shutil
from pathlib import Path
from typing import TextIO

from fewshot_bench.report.collect import write_cells_csv
from fewshot_bench.report.document import report_of
from fewshot_bench.report.reading import read_cells
from fewshot_bench.report.terminal import WIDTH, terminal


def summary(directory: Path, file: TextIO) -> None:
    """Writes `directory`/results.csv, and prints the report to `file`: in colour and as wide as it, if a terminal.

    Raises BenchError when `directory` holds no cell or results.csv cannot be written.
    """
    cells = read_cells(directory)
    path = write_cells_csv(directory, cells)
    report = report_of(cells)
    show(terminal(report.tables, report.remarks, *screen(file)), file)
    show(f"\nEvery cell: {path}. Cells with their records: {directory / 'cells'}.\n", file)


def show(text: str, file: TextIO) -> None:
    """Prints `text`; a character that the file's encoding does not have becomes a question mark."""
    encoding = file.encoding or "utf-8"
    file.write(text.encode(encoding, "replace").decode(encoding))


def screen(file: TextIO) -> tuple[int, bool]:
    """The width to print in, and whether in colour; a file gets 100 columns and none."""
    if not file.isatty():
        return WIDTH, False
    colour = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return max(60, shutil.get_terminal_size((WIDTH, 24)).columns), colour
