"""`fewshot-bench retry`: runs the failed cells of a results folder again."""

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from fewshot_bench.cli.computing import Computing
from fewshot_bench.cli.run import Changes


@dataclass(frozen=True)
class Options:
    """Run the failed cells of a folder again, from their last checkpoints, or with changes as new cells.

    A cell with other settings is another cell: it has a folder of its own, and the one that failed is marked as
    skipped, with which stands for it. `status` names the failed cells and why they did.

    Example: fewshot-bench retry results/gimli-omniglot --set training.tasks_per_batch=4
    """

    directory: Annotated[Path, tyro.conf.Positional]
    """The folder that `fewshot-bench run` wrote to."""

    set: Changes = ()
    """Changes, as `run --set` has them."""

    computing: Annotated[Computing, tyro.conf.arg(name="")] = field(default_factory=Computing)


def command(options: Options) -> int:
    """Runs the command; returns the exit status. Raises BenchError for a folder without cells."""
    from fewshot_bench.cells.reading import read_cells
    from fewshot_bench.cli.computing import compute
    from fewshot_bench.grid.retrying import cells_named, changed_cells, replace_in_folder

    failed = [cell.name for cell in read_cells(options.directory) if cell.status == "failed"]
    cells = cells_named(failed, options.directory)
    if not cells:
        print(f"No cell of {options.directory} failed.", file=sys.stderr)
        return 0
    replaced = changed_cells(cells, options.set) if options.set else {cell: cell for cell in cells}
    status = compute(list(dict.fromkeys(replaced.values())), options.directory, options.computing)
    if status in (0, 1):  # after an interruption, the same command resumes
        replace_in_folder(options.directory, replaced, options.set)
    return status
