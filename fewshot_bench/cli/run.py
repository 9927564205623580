"""`fewshot-bench run`: a grid from its file to its table."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from fewshot_bench.cli.computing import Computing
from fewshot_bench.cli.parsing import Unsaid

Changes = tyro.conf.UseAppendAction[Annotated[tuple[str, ...], tyro.conf.arg(metavar="SECTION.KEY=VALUE")]]


@dataclass(frozen=True)
class Options:
    """Train and evaluate every cell of a grid, then print its table. The same command again does only what is missing.

    Example: fewshot-bench run omniglot-cpu --seed 0 1 --set training.iterations=99
    """

    grid: Annotated[str, tyro.conf.Positional] = "quick"
    """A grid file (TOML), or the name of a preset."""

    out: Unsaid[Path | None] = None
    """Folder of the results; results/<name of the grid> where absent. It may hold cells of other grids."""

    seed: Unsaid[tuple[int, ...]] = ()
    """Seeds in place of the grid's."""

    set: Changes = ()
    """Changes to the grid, as in training.iterations=50; as many as you like, after one --set or several."""

    shard: Unsaid[str] = ""
    """As 3/20: the third of twenty parts that cost about the same, for job arrays (docs/cluster.md)."""

    dry_run: Unsaid[bool] = False
    """Print cells, what is done of them, and what the rest will take; write nothing."""

    computing: Annotated[Computing, tyro.conf.arg(name="")] = field(default_factory=Computing)


def command(options: Options) -> int:
    """Runs the command; returns the exit status."""
    from fewshot_bench.grid.expand import expand
    from fewshot_bench.grid.files import read, with_changes

    grid = with_changes(read(options.grid), options.set, options.seed)
    all_cells = expand(grid)

    # These import torch, which takes seconds: a typo in the grid is told before.
    from fewshot_bench.cli.computing import compute
    from fewshot_bench.cli.dry_run import print_estimates
    from fewshot_bench.grid.shards import part
    from fewshot_bench.grid.validation import check_names

    cells = part(all_cells, options.shard)
    directory = options.out or Path("results") / grid.name
    if options.dry_run:
        check_names(cells)
        print_estimates(cells, directory, options.computing.device, all_cells)
        return 0
    return compute(cells, directory, options.computing)
