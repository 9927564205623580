"""`fewshot-bench compare`: compares two runs."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tyro

from fewshot_bench.cli.parsing import HiddenDefault


@dataclass(frozen=True)
class Options:
    """Say what differs between two runs: settings, protocol, code, plan, environment; and test accuracies, in pairs.

    Cells are matched by their settings: the same dataset, task, learner, network and seed, and then the fewest
    differences. What the runs differ in as wholes (all of A one learner, all of B another) is what is compared.
    Accuracies are paired task by task, and only if both were tested on the same tasks; p values are corrected for
    how many there are. docs/statistics.md tells what every interval and every p is.

    Example: fewshot-bench compare results/quick results/quick-adam --format markdown
    """

    a: tyro.conf.Positional[Path]
    """A results folder (the one with cells/ in it), or the folder of one cell."""
    b: tyro.conf.Positional[Path]
    """Another one; differences are B minus A."""
    format: Literal["terminal", "markdown"] = "terminal"
    """How to print it."""
    output: HiddenDefault[Path | None] = None
    """Write to this file instead of printing."""


def command(options: Options) -> int:
    """Runs the command; returns the exit status.

    Raises BenchError for a folder without cells, and for an output that cannot be written.
    """
    from fewshot_bench.report.compare.tables import compare  # pyarrow and scipy take time to load; --help need not
    from fewshot_bench.report.console import put, screen
    from fewshot_bench.report.markdown import markdown
    from fewshot_bench.report.terminal import terminal

    formats = {"terminal": terminal, "markdown": markdown}
    tables = compare(options.a, options.b)
    if options.format == "terminal" and options.output is None:
        text = terminal(*tables, *screen(sys.stdout))
    else:
        text = formats[options.format](*tables)
    put(text, options.output)
    return 0
