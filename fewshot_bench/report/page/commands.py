"""The commands that make a folder, and those that print it."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from fewshot_bench.basics.errors import BenchError
from fewshot_bench.basics.text import read_text
from fewshot_bench.cells.reading import CellFolder
from fewshot_bench.report.page.grid_file import grid_file

GRID = "grid.toml"


class Command(NamedTuple):
    """A line for a shell, and what it does."""

    line: str
    does: str


class Grid(NamedTuple):
    """A grid file: what it is, and its text."""

    title: str
    text: str


def commands(directory: Path) -> list[Command]:
    """For the folder as it was named."""
    folder = shlex.quote(directory.as_posix())
    grid = shlex.quote((directory / GRID).as_posix()) if (directory / GRID).is_file() else GRID
    return [
        Command(
            f"fewshot-bench run {grid} --out {folder}",
            f"Makes these cells from the {GRID} below, or goes on where they stopped; what is done stays as it is.",
        ),
        Command(f"fewshot-bench report {folder} --format html", "Makes this page anew."),
        Command(f"fewshot-bench report {folder}", "Prints its tables; --format markdown, latex or csv in other forms."),
        Command(f"fewshot-bench plot {folder}", "Draws the figures of every cell, with their values as CSV."),
    ]


def grid(directory: Path, cells: Sequence[CellFolder]) -> Grid:
    """The grid file that lies in the folder, or one that names the same cells."""
    try:
        return Grid(f"{GRID}, as it lies in the folder", read_text(directory / GRID))
    except BenchError:
        return Grid(f"{GRID}, written from the cells' configurations", grid_file(cells))
