"""The sections on the folder itself: what its cells are, what they were computed with, and how to make them again."""

import json
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import tomli_w

from fewshot_bench.basics.errors import BenchError
from fewshot_bench.basics.files import read_text
from fewshot_bench.cells.contents import GRID_AXES
from fewshot_bench.cells.folders import STATUSES
from fewshot_bench.cells.reading import CellFolder
from fewshot_bench.report.groups import key_of, with_init_seed
from fewshot_bench.report.names import duration, optimizer, task
from fewshot_bench.report.table import Column, Table, tabulate

_MANY = 8  # names of one kind that are written out
_AXES = (*GRID_AXES, "seed")

HIDDEN = ("host",)
"""Of an environment: it says where somebody works, and nothing of the result."""

_COMMIT = "commit"  # as in git_commit, or commit

GRID = "grid.toml"


class Fact(NamedTuple):
    """A name and what stands beside it."""

    name: str
    values: tuple[str, ...]


def overview(cells: Sequence[CellFolder]) -> list[Fact]:
    """How many cells of what there are, and their states."""
    readable = [cell for cell in cells if cell.config]
    counts = Counter(cell.status for cell in cells)
    named = {
        "cells": [f"{counts[one]:,} {one}" for one in STATUSES if counts[one]],
        "tasks": [task(cell.config) for cell in readable],
        "learners": [str(cell.config["learner"]) for cell in readable],
        "networks": [str(cell.config["backbone"]) for cell in readable],
        "inner optimizers": [optimizer(cell.config) for cell in readable],
        "seeds": [str(seed) for seed in sorted({cell.seed for cell in readable})],
        "meta-steps": [f"{steps:,}" for steps in sorted({_steps(cell) for cell in readable})],
        "time of all": [duration(sum(cell.seconds or 0.0 for cell in cells))],
        "begun": _span(sorted(day for cell in cells if (day := str(cell.status_file.get("started", ""))[:10]))),
    }
    return [Fact(name, _first(values)) for name, values in named.items() if values]


def _steps(cell: CellFolder) -> int:
    planned = cell.config.get("training", {}).get("iterations")
    return planned if isinstance(planned, int) else 0


def _span(days: Sequence[str]) -> list[str]:
    """The first and the last of sorted days."""
    return list(dict.fromkeys([days[0], days[-1]])) if days else []


def _first(values: Sequence[str]) -> tuple[str, ...]:
    """Each value once; of many the first, and how many more there are."""
    names = list(dict.fromkeys(values))
    return (*names[:_MANY], *([f"{len(names) - _MANY:,} more"] if len(names) > _MANY else []))


def environment_table(cells: Sequence[CellFolder]) -> Table | None:
    """A line for each set of versions and device that cells were computed with; None if none is recorded.

    The host's name is left out.
    """
    environments = [cell.recorded("environment") for cell in cells]
    found = [{key: value for key, value in one.items() if key not in HIDDEN} for one in environments]
    commit = any(_COMMIT in key for one in found for key in one)
    under = () if commit else ("No git commit is recorded in this folder.",)
    return _counted("environment", "Environments", found, under)


def plan_table(cells: Sequence[CellFolder]) -> Table | None:
    """A line for each plan; None if none is recorded."""
    why = "A plan is found by a short measurement before a cell's first step, or given by run --plan, and then kept."
    return _counted("plans", "Plans: how the cells were computed", [cell.recorded("plan") for cell in cells], (why,))


def _counted(name: str, title: str, found: Sequence[Mapping[str, Any]], under: tuple[str, ...]) -> Table | None:
    """A line for each different one of `found`, the most frequent first; None if all are empty."""
    counts = Counter(json.dumps(one, sort_keys=True) for one in found if one)
    keys = dict.fromkeys(key for one in found for key in one)
    columns = [Column("cells", "right", value=lambda line: f"{line[1]:,}"), *map(_value, keys)]
    lines = [(json.loads(one), count) for one, count in counts.most_common()]
    return tabulate(name, title, columns, lines, under=under) if lines else None


def _value(key: str) -> Column:
    def text(line: tuple[Mapping[str, Any], int]) -> str:
        value = line[0].get(key)
        return "-" if value is None else value if isinstance(value, str) else json.dumps(value)

    return Column(key, value=text)


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


def grid_file(cells: Sequence[CellFolder]) -> str:
    """TOML with a [[cells]] table for cells that differ in their axes alone, as few as the combinations allow.

    Cells without a readable configuration are left out; empty if none has one.
    """
    alike: dict[str, list[Mapping[str, Any]]] = {}
    for cell in with_init_seed(cells):
        if cell.identity:
            alike.setdefault(key_of(_rest(cell.identity)), []).append(cell.identity)
    tables = [table for identities in alike.values() for table in _tables(identities)]
    tested = {
        table["evaluation"]["dataset"]: options
        for table in tables
        if (options := table.pop("test_dataset_options", None))
    }  # a grid has the options of a dataset that is only tested on in the table of its name
    return tomli_w.dumps(({"datasets": tested} if tested else {}) | {"cells": tables}) if tables else ""


def _rest(identity: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration without its axes."""
    return {key: value for key, value in identity.items() if key not in (*_AXES, "recipe")}


def _tables(identities: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One table if all combinations are there; else those of each value of the first axis that has several."""
    values = {axis: sorted({identity[axis] for identity in identities}) for axis in _AXES}
    points = {tuple(identity[axis] for axis in _AXES) for identity in identities}
    if prod(map(len, values.values())) == len(points):
        lists = {axis: found if len(found) > 1 or axis == "seed" else found[0] for axis, found in values.items()}
        return [lists | _rest(identities[0])]
    parted = next(axis for axis, found in values.items() if len(found) > 1)
    parts = [[identity for identity in identities if identity[parted] == value] for value in values[parted]]
    return [table for part in parts for table in _tables(part)]
