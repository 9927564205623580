"""`fewshot-bench status`: the progress of the cells in a results folder, from its files."""

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from fewshot_bench.basics.errors import BenchError
from fewshot_bench.cli.parsing import HiddenDefault

SECONDS_BETWEEN_LOOKS = 5.0
SECONDS_OF_PATIENCE = 60.0  # between two cells, and while workers start, no cell is running


@dataclass(frozen=True)
class Options:
    """Tell how far the cells of a folder are, who has them, and why some failed: all from disk, whoever computes them.

    Example: fewshot-bench status results/gimli-omniglot --watch
    """

    directory: Annotated[Path, tyro.conf.Positional]
    """The folder that `fewshot-bench run` writes to."""

    all: HiddenDefault[bool] = False
    """A line for every cell, also for those that are done or only wait."""

    watch: HiddenDefault[bool] = False
    """Refresh every few seconds, until no cell is left to run or no cell has been running for a minute."""


def command(options: Options) -> int:
    """Runs the command; returns 1 if a cell failed. Raises BenchError for a folder without cells."""
    from fewshot_bench.cells.folders import UNDER_WAY
    from fewshot_bench.cells.reading import read_cells
    from fewshot_bench.report.console import screen, show
    from fewshot_bench.report.progress import counts_in_words, progress, progress_table
    from fewshot_bench.report.terminal import terminal

    if options.watch and not sys.stdout.isatty():
        raise BenchError("--watch is for a terminal.")
    last_seen = time.monotonic()
    while True:
        cells = progress(read_cells(options.directory))
        if options.watch:
            print("\x1b[H\x1b[2J", end="")
        table = progress_table(cells, options.all)
        text = terminal([table], [], *screen(sys.stdout)) if table.rows else counts_in_words(cells) + "\n"
        show(text, sys.stdout)
        states = {cell.status for cell in cells}
        exit_status = 1 if "failed" in states else 0
        if not options.watch or not states & {*UNDER_WAY, "queued", "stopped"}:
            return exit_status
        if states & set(UNDER_WAY):
            last_seen = time.monotonic()
        elif time.monotonic() - last_seen > SECONDS_OF_PATIENCE:
            return exit_status
        try:
            time.sleep(SECONDS_BETWEEN_LOOKS)
        except KeyboardInterrupt:  # the usual end of watching
            return exit_status
