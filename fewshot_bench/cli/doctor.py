"""`fewshot-bench doctor`: checks what a run needs on this machine, and prints how to mend each fault."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import tyro
from rich.console import Console
from rich.text import Text

from fewshot_bench.basics.counting import counted
from fewshot_bench.cli.parsing import HiddenDefault
from fewshot_bench.cli.terminal import beside, wrapped
from fewshot_bench.grid.files import check_shape, read
from fewshot_bench.report.console import screen

if TYPE_CHECKING:
    from fewshot_bench.cli.doctor_checks import Diagnosis

COLOURS = {"ok": "green", "warning": "yellow", "fault": "bold red"}
INDENT = 28  # column at which the text of a line begins
ARROW = 9  # column of an arrow that has its own line


@dataclass(frozen=True)
class Options:
    """Look at this machine, its packages, data and disks; print a line for each, with what mends it after an arrow.

    ok: as it should be. warning: something may be slow or not to be had. fault: something needed is missing.
    It takes a few seconds, downloads nothing, and leaves nothing behind. Exit status: 0 no fault, 1 a fault.

    Example: fewshot-bench doctor gimli-omniglot --data-dir /data
    """

    grid: tyro.conf.Positional[HiddenDefault[str | None]] = None
    """A grid file or preset that is to run here: its datasets and the room it takes count as needed."""
    out: HiddenDefault[Path | None] = None
    """Folder of the results; results/<name of the grid> if absent."""
    data_dir: HiddenDefault[Path | None] = None
    """Data folder; $FEWSHOT_DATA or datasets/ if absent."""


def command(options: Options) -> int:
    """Runs the command; returns the exit status: 0, or 1 if there is a fault.

    Raises BenchError if the grid is neither a file nor a preset, or is not TOML.
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
    for diagnosis in findings(checks(grid, options.data_dir or default_data_dir(), out)):
        first, *more = lines(diagnosis, width)
        console.print(
            Text.assemble(
                (diagnosis.level, COLOURS[diagnosis.level]), "\n".join([first, *more])[len(diagnosis.level) :]
            )
        )
        levels.append(diagnosis.level)
    faults, warnings = levels.count("fault"), levels.count("warning")
    console.print(f"{counted(faults, 'fault')}, {counted(warnings, 'warning')}")
    return 1 if faults else 0


def lines(diagnosis: "Diagnosis", width: int) -> list[str]:
    """The lines of a diagnosis: the finding, and after an arrow the remedy, on its own line if both are too long.

    width: of a line, in characters.
    """
    head, mend = f"{diagnosis.level:9}{diagnosis.about:{INDENT - 10}} ", f"-> {diagnosis.mend}"
    together = f"{head}{diagnosis.says}  {mend}"
    if diagnosis.mend and len(together) <= width:
        return [together]
    under = " " * ARROW
    first = beside(head, diagnosis.says, width, under)
    return [*first, *(under + line for line in wrapped(mend, width - ARROW, "   "))] if diagnosis.mend else first
