"""What a run says at its end: the table, and where everything lies."""

import shutil
from pathlib import Path
from typing import TextIO

from fewshot_bench.report.collect import write_results_csv
from fewshot_bench.report.document import read_report
from fewshot_bench.report.terminal import WIDTH, terminal


def summary(directory: Path, file: TextIO) -> None:
    """Writes `directory`/results.csv, and prints the report to `file`: in colour and as wide as it, if a terminal.

    Raises BenchError when `directory` holds no cell or results.csv cannot be written.
    """
    path = write_results_csv(directory)
    report = read_report(directory)
    print(terminal(report.tables, report.remarks, *screen(file)), file=file)
    print(f"Every cell: {path}. Cells with their records: {directory / 'cells'}.", file=file)


def screen(file: TextIO) -> tuple[int, bool]:
    """The width to print in, and whether in colour; a file gets 100 columns and none."""
    if not file.isatty():
        return WIDTH, False
    return max(60, shutil.get_terminal_size((WIDTH, 24)).columns), True
