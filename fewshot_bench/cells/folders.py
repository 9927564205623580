"""A cell's folder on disk: the names of its files, its status, and the functions that read and write both.

The folder of results is the only record of a run. Every file name and every status is defined here, once.
"""

import json
import tomllib
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import tomli_w

from fewshot_bench.basics.errors import BenchError
from fewshot_bench.basics.files import write_text
from fewshot_bench.cells.cell import Cell
from fewshot_bench.cells.config_file import from_table, to_table

CELLS = "cells"
"""The folder of all cells, within a folder of results."""

CONFIG, STATUS, RESULT, LOG = "config.toml", "status.json", "result.json", "log.txt"
METRICS, HYPERPARAMETERS, EPISODES = "metrics.jsonl", "hyperparameters.parquet", "episodes.parquet"
CHECKPOINTS = "checkpoints"
"""The folder of checkpoints; the other names are files."""

QUEUED, PLANNING, RUNNING, DONE, FAILED, SKIPPED = "queued", "planning", "running", "done", "failed", "skipped"
STATUSES = (DONE, FAILED, SKIPPED, RUNNING, PLANNING, QUEUED)
UNDER_WAY = (RUNNING, PLANNING)
"""Statuses of a cell that a process computes, or was computing when it was killed."""


def folder_of(directory: Path, cell: Cell) -> Path:
    """The folder of a cell's files."""
    return directory / CELLS / cell.id


def enroll(directory: Path, cells: Iterable[Cell]) -> None:
    """Makes the folder of each cell that has none, with status "queued". Cells of other grids are not changed.

    Raises BenchError, before anything is written, if a folder holds another cell's configuration; and if a folder
    cannot be written.
    """
    cells = list(cells)
    for cell in cells:
        folder = folder_of(directory, cell)
        if (folder / CONFIG).exists():
            cell_in(folder)
    for cell in cells:
        folder = folder_of(directory, cell)
        if not (folder / CONFIG).exists():
            write_text(folder / CONFIG, tomli_w.dumps(to_table(cell)))
        if not (folder / STATUS).exists():
            mark(folder, QUEUED)


def cell_in(folder: Path) -> Cell:
    """The cell that the folder's config.toml describes.

    Raises BenchError if the file describes no cell, or one whose hash is not that in the folder's name.
    """
    path = folder / CONFIG
    try:
        cell = from_table(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BenchError(
            f"{path} is not a cell's configuration: {error}. Move {folder.name} away to run it anew."
        ) from error
    if cell.id != folder.name:
        raise BenchError(
            f"{path} was changed: it describes {cell.id}, but its folder is {folder.name}. Results in it would stand "
            "for something else. Undo the change, or move the folder away."
        )
    return cell


def status(folder: Path) -> dict[str, Any]:
    """The content of status.json; {} if it cannot be read."""
    return _parsed(folder / STATUS)


def mark(folder: Path, state: str, **entries: Any) -> None:
    """Sets a cell's status and other entries of status.json, and keeps all other entries."""
    base = {"iterations": 0, "seconds": 0.0} | status(folder)
    write_text(folder / STATUS, json.dumps(base | {"status": state, "reason": "", **entries}, indent=1) + "\n")


def is_done(folder: Path) -> bool:
    """Whether a cell is done: its status is "done", and result.json can be read and names this cell."""
    return status(folder).get("status") == DONE and _parsed(folder / RESULT).get("cell") == folder.name


def under_way(folder: Path) -> str:
    """The status of a cell that a process computes, one of UNDER_WAY; RUNNING if it has recorded none yet."""
    state = status(folder).get("status")
    return state if state in UNDER_WAY else RUNNING


def has_checkpoint(folder: Path) -> bool:
    """Whether there is a checkpoint from which training can resume."""
    return any((folder / CHECKPOINTS).glob("step-*"))


def spent(folder: Path) -> tuple[int, float]:
    """Meta-steps done and seconds spent so far, from status.json; 0 for an entry that is not a number."""
    content = status(folder)
    numbers = [content.get(key) for key in ("iterations", "seconds")]
    iterations, seconds = (value if isinstance(value, int | float) else 0 for value in numbers)
    return int(iterations), float(seconds)


def _parsed(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def log(folder: Path, text: str) -> None:
    """Adds text to the cell's log.txt; an error of the disk is ignored."""
    with suppress(OSError), (folder / LOG).open("a", encoding="utf-8") as file:
        file.write(text.rstrip("\n") + "\n")
