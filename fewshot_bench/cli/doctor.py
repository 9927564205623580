"""`fewshot-bench doctor`: whether this machine has what a run needs, and what mends what it lacks."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import tyro
from rich.console import Console
from rich.text import Text

from fewshot_bench.basics.counting import counted
from fewshot_bench.cli.parsing import Unsaid, parse
from fewshot_bench.cli.wrapping import beside, wrapped
from fewshot_bench.data.locations import default_data_dir
from fewshot_bench.doctor.finding import Finding, Look, looked
from fewshot_bench.grid.files import GridFile, check_shape, read
from fewshot_bench.report.console import screen

COLOURS = {"ok": "green", "warning": "yellow", "fault": "bold red"}
INDENT = 28  # where a line's text begins
ARROW = 9  # where an arrow begins that has a line of its own: below what the line is about
LITTLE_ROOM = 200_000_000  # bytes: one cell of the largest network with its checkpoints


@dataclass(frozen=True)
class Options:
    """Look at this machine, its packages, data and disks; print a line for each, with what mends it after an arrow.

    ok: as it should be. warning: something may be slow or not to be had. fault: something needed is missing.
    It takes a few seconds, downloads nothing, and leaves nothing behind. Exit status: 0 no fault, 1 a fault.

    Example: fewshot-bench doctor gimli-omniglot --data-dir /data
    """

    grid: tyro.conf.Positional[Unsaid[str | None]] = None
    """A grid file or preset that is to run here: its datasets and the room it takes count as needed."""
    out: Unsaid[Path | None] = None
    """Folder of the results; results/<name of the grid> where absent."""
    data_dir: Unsaid[Path] = field(default_factory=default_data_dir)
    """Data folder; $FEWSHOT_DATA or datasets/ where absent."""


def command(args: list[str]) -> int:
    """Runs the command with the arguments after its name; returns the exit status: 0, or 1 where there is a fault.

    Raises BenchError for a grid that is neither a file nor a preset, or is no TOML.
    """
    options = parse(Options, args, "doctor")
    grid = None if options.grid is None else read(options.grid)
    if grid is not None:
        check_shape(grid)
    console = Console(highlight=False, soft_wrap=True)  # in colour only in a terminal, and not with NO_COLOR
    width, _ = screen(sys.stdout)
    levels = []
    for found in looked(_looks(options, grid)):
        first, *more = lines(found, width)
        console.print(Text.assemble((found.level, COLOURS[found.level]), "\n".join([first, *more])[len(found.level) :]))
        levels.append(found.level)
    faults, warnings = levels.count("fault"), levels.count("warning")
    console.print(f"{counted(faults, 'fault')}, {counted(warnings, 'warning')}")
    return 1 if faults else 0


def lines(found: Finding, width: int) -> list[str]:
    """What was found, and after an arrow what mends it: in the same line, or where that is too long in one of its own.

    width: of a line, in characters.
    """
    head, mend = f"{found.level:9}{found.about:{INDENT - 10}} ", f"-> {found.mend}"
    together = f"{head}{found.says}  {mend}"
    if found.mend and len(together) <= width:
        return [together]
    under = " " * ARROW
    said = beside(head, found.says, width, under)
    return [*said, *(under + line for line in wrapped(mend, width - ARROW, "   "))] if found.mend else said


def _looks(options: Options, grid: GridFile | None) -> dict[str, Look]:
    """What is looked at, in this order."""
    from fewshot_bench.doctor.computing import computing
    from fewshot_bench.doctor.datasets import bytes_to_come, datasets, named_in, place_to_come
    from fewshot_bench.doctor.folders import locks, room
    from fewshot_bench.doctor.machine import machine
    from fewshot_bench.doctor.packages import packages

    needed = named_in(grid.content) if grid else frozenset()
    data_dir, out = options.data_dir, options.out or Path("results", grid.name if grid else "")
    return {
        "machine": machine,
        "packages": packages,
        "torch": computing,
        "datasets": lambda: datasets(data_dir, needed),
        "data disk": lambda: [room("data disk", place_to_come(data_dir), bytes_to_come(data_dir, needed))],
        "locks": lambda: locks(out),
        "results disk": lambda: _results_disk(out, grid, options.grid or ""),
    }


def _results_disk(out: Path, grid: GridFile | None, name: str) -> Iterator[Finding]:
    """Room for the cells of the grid that are not done."""
    from fewshot_bench.doctor.folders import room

    if grid is None:
        yield room("results disk", out, LITTLE_ROOM)
        return
    from fewshot_bench.basics.errors import GridError
    from fewshot_bench.cells import folders
    from fewshot_bench.doctor.cell_size import bytes_of
    from fewshot_bench.grid.expand import expand

    try:
        cells = expand(grid)
    except GridError as error:
        yield Finding("fault", "grid", error.problems[0], f"fewshot-bench run {name} --dry-run tells all")
        return
    left = [cell for cell in cells if not folders.is_done(folders.folder_of(out, cell))]
    yield room("results disk", out, bytes_of(left))
