"""`fewshot-bench report`: prints the table of a results folder, with the published numbers."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tyro

from fewshot_bench.cli.parsing import HiddenDefault


@dataclass(frozen=True)
class Options:
    """Print the tables of a results folder: mean and std over seeds, beside the paper's value and the untrained one.

    Or make one page of it, with curves, learned rates, costs and the protocol, that opens from disk (docs/report.md).

    Example: fewshot-bench report results/gimli-omniglot --format html
    """

    directory: tyro.conf.Positional[Path]
    """The folder that `fewshot-bench run` wrote to (the one with cells/ in it)."""
    format: Literal["terminal", "markdown", "latex", "csv", "html"] = "terminal"
    """latex is a booktabs table, csv has plain numbers, in percent, and html is one page."""
    output: HiddenDefault[Path | None] = None
    """Write to this file instead of printing; html is always written, to DIR/report.html if this is absent."""


def command(options: Options) -> int:
    """Runs the command; returns the exit status.

    Raises BenchError for a folder without cells, and for an output that cannot be written.
    """
    if options.format == "html":
        from fewshot_bench.report.page.page import write_page

        print(f"Wrote {write_page(options.directory, options.output)}.")
        return 0
    from fewshot_bench.report.console import put, screen  # what reads a folder takes time to load; --help need not
    from fewshot_bench.report.tables import FORMATS, read_report
    from fewshot_bench.report.terminal import terminal

    report = read_report(options.directory)
    if options.format == "terminal" and options.output is None:
        text = terminal(report.tables, report.remarks, *screen(sys.stdout))
    else:
        text = FORMATS[options.format](report)
    put(text, options.output)
    return 0
