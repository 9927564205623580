"""`fewshot-bench audit`: compares hypergradients of the package and other libraries with known answers."""

import sys
from dataclasses import dataclass
from pathlib import Path

from fewshot_bench.cli.parsing import HiddenDefault
from fewshot_bench.cli.terminal import shown_progress


@dataclass(frozen=True)
class Options:
    """Compare gradients of adaptation with known answers: this package's, torch's, and those of the peers installed.

    Prints a table of relative errors, in float64, with a verdict for each: exact, approximate (as its note says) or
    WRONG. docs/audit.md explains it. Takes about half a minute of one core. Exit status 1 if one of the package's
    own that has to be exact is not; what others compute never changes it.

    Examples: fewshot-bench audit; fewshot-bench audit --only maml higher; fewshot-bench audit --out results/audit
    """

    out: HiddenDefault[Path | None] = None
    """Folder for audit.csv, audit.md and environment.json; nothing is written if it is absent."""
    only: HiddenDefault[tuple[str, ...]] = ()
    """Tables (maml, batches, rules, implicit, zero-order) and makers (ours, paper, or a library's name) to keep to."""


def command(options: Options) -> int:
    """Runs the command; returns the exit status.

    Raises BenchError for a word that names neither a table nor a maker, and if files cannot be written.
    """
    # torch takes seconds to load; --help need not.
    from fewshot_bench.audit import files, remarks, row, rows, running, tables, versions
    from fewshot_bench.report.console import screen, show
    from fewshot_bench.report.terminal import terminal

    chosen = rows.picked(options.only)
    with shown_progress() as progress:
        results = running.run(chosen, progress)
    sentences = remarks.remarks(results, versions.versions())
    show(terminal(tables.tables(results), sentences, *screen(sys.stdout)), sys.stdout)
    if options.out is not None:
        print("\n".join(f"Wrote {path}." for path in files.write(options.out, results)))
    return 1 if row.ours_off(results) else 0
