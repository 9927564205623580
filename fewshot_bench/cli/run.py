"""`fewshot-bench run`: computes the cells of a grid and prints its table; with --dry-run, estimates what it takes."""

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from fewshot_bench.basics.counting import counted
from fewshot_bench.cli.computing import Computing, compute
from fewshot_bench.cli.parsing import HiddenDefault
from fewshot_bench.cli.terminal import wrapped

if TYPE_CHECKING:
    from fewshot_bench.cells.cell import Cell
    from fewshot_bench.grid.estimates import CellEstimate, GridEstimate

Changes = tyro.conf.UseAppendAction[Annotated[tuple[str, ...], tyro.conf.arg(metavar="SECTION.KEY=VALUE")]]


@dataclass(frozen=True)
class Options:
    """Train and evaluate every cell of a grid, then print its table. The same command again does only what is missing.

    Example: fewshot-bench run omniglot-cpu --seed 0 1 --set training.iterations=99
    """

    grid: Annotated[str, tyro.conf.Positional] = "quick"
    """A grid file (TOML), or the name of a preset."""

    out: HiddenDefault[Path | None] = None
    """Folder of the results; results/<name of the grid> where absent. It may hold cells of other grids."""

    seed: HiddenDefault[tuple[int, ...]] = ()
    """Seeds in place of the grid's."""

    set: Changes = ()
    """Changes to the grid, as in training.iterations=50; as many as you like, after one --set or several."""

    shard: HiddenDefault[str] = ""
    """As 3/20: the third of twenty parts that cost about the same, for job arrays (docs/cluster.md)."""

    dry_run: HiddenDefault[bool] = False
    """Print cells, what is done of them, and what the rest will take; write nothing."""

    computing: Annotated[Computing, tyro.conf.arg(name="")] = field(default_factory=Computing)


def command(options: Options) -> int:
    """Runs the command; returns the exit status."""
    from fewshot_bench.grid.expand import expand
    from fewshot_bench.grid.files import read, with_changes

    grid = with_changes(read(options.grid), options.set, options.seed)
    all_cells = expand(grid, options.computing.data_dir)

    from fewshot_bench.grid.shards import part  # imports torch, which takes seconds: a typo in the grid is told before
    from fewshot_bench.grid.validation import check_names

    cells = part(all_cells, options.shard)
    directory = options.out or Path("results") / grid.name
    if options.dry_run:
        check_names(cells)
        print_estimates(cells, directory, options.computing.device, all_cells)
        return 0
    return compute(cells, directory, options.computing)


def print_estimates(cells: "Sequence[Cell]", directory: Path, device: str, among: "Sequence[Cell]" = ()) -> None:
    """Prints a line for each cell to stdout, and sums and remarks to stderr. Raises as `estimated`; writes nothing."""
    from fewshot_bench.cells.code import refusal
    from fewshot_bench.grid.estimates import estimated
    from fewshot_bench.report.console import screen

    outlook = estimated(cells, directory, device, among)
    width = max((len(cell.id) for cell in cells), default=0)
    for estimate in outlook.cells:
        print(line(estimate, width))
    columns, _ = screen(sys.stderr)
    for text in summary(outlook):
        print("\n".join(wrapped(text, columns, "  ")), file=sys.stderr)
    if other_code := refusal(cells, directory):
        print("\n".join(wrapped(f"run would stop: {other_code}", columns, "  ")), file=sys.stderr)


def line(estimate: "CellEstimate", width: int) -> str:
    """The line of a cell: state, name, meta-steps done, time left and memory. width: of the longest name."""
    steps = f"{estimate.iterations}/{estimate.cell.training.iterations}"
    hours, memory = _time(estimate.hours), _memory(estimate.mebibytes)
    return f"{estimate.state:8} {estimate.cell.id:{width}}  {steps:>13}  {hours:>8}  {memory:>9}".rstrip()


def summary(outlook: "GridEstimate") -> list[str]:
    """Sums over all cells, and remarks on their basis, a line each."""
    cells = outlook.cells
    states = ", ".join(f"{count} {state}" for state, count in Counter(estimate.state for estimate in cells).items())
    lines = [f"{counted(len(cells), 'cell')} ({states}); nothing was written"]
    hours = [estimate.hours for estimate in cells if estimate.hours]
    memory = [estimate.mebibytes for estimate in cells if estimate.mebibytes is not None]
    if hours:
        lines.append(f"left: {_time(sum(hours))} one after another, {_time(max(hours))} the longest")
    if memory:
        lines.append(f"memory of one: at most {_memory(max(memory))}")
    return lines + ["  " + remark for remark in outlook.remarks]


def _time(hours: float | None) -> str:
    if not hours:
        return ""
    if 3600 * hours < 99.5:
        return f"{3600 * hours:.0f} s"
    return f"{hours * 60:.0f} min" if hours * 60 < 99.5 else f"{hours:,.1f} h" if hours < 99.5 else f"{hours:,.0f} h"


def _memory(mebibytes: float | None) -> str:
    if mebibytes is None:
        return ""
    return f"{mebibytes:.0f} MiB" if mebibytes < 9999.5 else f"{mebibytes / 1024:.0f} GiB"
