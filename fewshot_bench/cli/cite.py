"""`fewshot-bench cite`: prints BibTeX of the works that a run used."""

from dataclasses import dataclass
from pathlib import Path

import tyro

from fewshot_bench.cli.parsing import HiddenDefault


@dataclass(frozen=True)
class Options:
    """Print BibTeX of what a run used: datasets, splits, learners, networks, inner optimizers, PyTorch, this package.

    Above each entry stands why it is cited, in comments that BibTeX passes over. What a grid names by import path is
    listed at the end, for you to cite.

    Example: fewshot-bench cite results/quick --output quick.bib
    """

    run: tyro.conf.Positional[Path]
    """A results folder (the one with cells/ in it), or the folder of one cell."""
    output: HiddenDefault[Path | None] = None
    """Write to this file instead of printing."""


def command(options: Options) -> int:
    """Runs the command; returns the exit status.

    Raises BenchError for a folder without cells, or an output that cannot be written.
    """
    from fewshot_bench.cells.reading import read_run
    from fewshot_bench.report.citing import bibtex
    from fewshot_bench.report.console import put

    put(bibtex(read_run(options.run)), options.output)
    return 0
