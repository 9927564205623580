"""`fewshot-bench report`: the table of a results folder, beside the published numbers."""

import sys
from dataclasses import dataclass
from pathlib import Path

import tyro

from fewshot_bench.basics.errors import BenchError
from fewshot_bench.basics.names import unknown
from fewshot_bench.cli.parsing import Unsaid, parse

HTML = "html"


@dataclass(frozen=True)
class Options:
    """Print the tables of a results folder: mean and std over seeds, beside the paper's value and the untrained one.

    Or make one page of it, with curves, learned rates, costs and the protocol, that opens from disk (docs/report.md).

    Example: fewshot-bench report results/gimli-omniglot --format html
    """

    directory: tyro.conf.Positional[Path]
    """The folder that `fewshot-bench run` wrote to (the one with cells/ in it)."""
    format: str = "terminal"
    """terminal, markdown, latex (booktabs), csv (plain numbers, in percent) or html (one page)."""
    output: Unsaid[Path | None] = None
    """Write to this file instead of printing; html is always written, to DIR/report.html where this is absent."""


def command(args: list[str]) -> int:
    """Runs the command with the arguments after its name; returns the exit status.

    Raises BenchError for a folder without cells, an unknown format, or an output that cannot be written.
    """
    options = parse(Options, args, "report")
    if options.format == HTML:
        from fewshot_bench.report.page.making import write_page

        print(f"Wrote {write_page(options.directory, options.output)}.")
        return 0
    from fewshot_bench.report.console import put, screen
    from fewshot_bench.report.document import (
        FORMATS,
        read_report,
    )  # pandas takes half a second to load; --help need not
    from fewshot_bench.report.terminal import terminal

    if options.format not in FORMATS:
        raise BenchError(unknown("format", options.format, (*FORMATS, HTML)))
    report = read_report(options.directory)
    if options.format == "terminal" and options.output is None:
        text = terminal(report.tables, report.remarks, *screen(sys.stdout))
    else:
        text = FORMATS[options.format](report)
    put(text, options.output)
    return 0
