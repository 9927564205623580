"""`fewshot-bench doctor`: whether this machine has what a run needs, and what mends what it lacks."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import tyro
from rich.console import Console
from rich.text import Text

from fewshot_bench.basics.counting import counted
from fewshot_bench.cli.parsing import Unsaid
from fewshot_bench.cli.wrapping import beside, wrapped
from fewshot_bench.grid.files import check_shape, read
from fewshot_bench.report.console import screen

if TYPE_CHECKING:
    from fewshot_bench.cli.doctor_checks import Finding

COLOURS = {"ok": "green", "warning": "yellow", "fault": "bold red"}
INDENT = 28  # where a line's text begins
ARROW = 9  # where an arrow begins that has a line of its own: below what the line is about


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
    """Folder of the results; results/<name of the grid> if absent."""
    data_dir: Unsaid[Path | None] = None
    """Data folder; $FEWSHOT_DATA or datasets/ if absent."""


def command(options: Options) -> int:
    """Runs the command; returns the exit status: 0, or 1 if there is a fault.

    Raises BenchError for a grid that is neither a file nor a preset, or is no TOML.
    """
    from fewshot_bench.cli.doctor_checks import checks, findings  # numpy takes time to load; --help need not
    from fewshot_bench.data.locations import default_data_dir

    grid = None if options.grid is None else read(options.grid)
    if grid is not None:
        check_shape(grid)
    out = options.out or Path("results", grid.name if grid else "")
    console = Console(highlight=False, soft_wrap=True)  # in colour only in a terminal, and not with NO_COLOR
    width, _ = screen(sys.stdout)
    levels = []
    for found in findings(checks(grid, options.data_dir or default_data_dir(), out)):
        first, *more = lines(found, width)
        console.print(Text.assemble((found.level, COLOURS[found.level]), "\n".join([first, *more])[len(found.level) :]))
        levels.append(found.level)
    faults, warnings = levels.count("fault"), levels.count("warning")
    console.print(f"{counted(faults, 'fault')}, {counted(warnings, 'warning')}")
    return 1 if faults else 0


def lines(found: "Finding", width: int) -> list[str]:
    """What was found, and after an arrow what mends it: in the same line or, if that is too long, in one of its own.

    width: of a line, in characters.
    """
    head, mend = f"{found.level:9}{found.about:{INDENT - 10}} ", f"-> {found.mend}"
    together = f"{head}{found.says}  {mend}"
    if found.mend and len(together) <= width:
        return [together]
    under = " " * ARROW
    said = beside(head, found.says, width, under)
    return [*said, *(under + line for line in wrapped(mend, width - ARROW, "   "))] if found.mend else said
