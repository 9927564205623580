"""Grid files and presets: reading, and changes by --set and --seed. expand.py interprets their content."""

import sys
import tomllib
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from fewshot_bench.basics.errors import BenchError, GridError
from fewshot_bench.basics.files import read_text
from fewshot_bench.basics.names import did_you_mean

TABLES = {
    "dataset": "datasets",
    "learner": "learners",
    "backbone": "backbones",
    "inner_optimizer": "inner_optimizers",
}
"""Axis -> its table in a grid file. If two tables set the same key of [training], the later of these four holds."""

OWN_OPTIONS = {axis: f"{axis}_options" for axis in TABLES}
"""Axis -> the key of [[cells]] that sets options of these cells' names on that axis."""

OWN_TABLES = ("training", "evaluation", *OWN_OPTIONS.values())
"""The keys of [[cells]] that are tables; the others are axes."""


class GridFile(NamedTuple):
    """A grid file. name: of the preset, or of the file without suffix. where: for messages. content: parsed TOML."""

    name: str
    where: str
    content: dict[str, Any]


def presets() -> dict[str, str]:
    """The text of each preset in the package, by name."""
    folder = files("fewshot_bench") / "presets"
    paths = {item.name.removesuffix(".toml"): item for item in folder.iterdir() if item.name.endswith(".toml")}
    return {name: paths[name].read_text(encoding="utf-8") for name in sorted(paths)}


def read(name_or_path: str) -> GridFile:
    """The grid at a path, or the preset of that name. Its folder and the current one become importable.

    A file may begin with a byte-order mark. Raises BenchError if there is neither, or if it is not TOML in UTF-8.
    """
    path = Path(name_or_path)
    make_importable(Path.cwd())
    if path.is_file():
        make_importable(path.parent.resolve())
        return GridFile(path.stem, str(path), _parse(read_text(path), str(path)))
    known = presets()
    if name_or_path not in known:
        hint = did_you_mean(name_or_path, known)
        raise BenchError(f"{name_or_path!r} is neither a file nor a preset{hint}. Presets: {', '.join(known)}.")
    return GridFile(name_or_path, f"preset {name_or_path}", _parse(known[name_or_path], name_or_path))


def with_changes(grid: GridFile, assignments: Sequence[str], seeds: Sequence[int] | None) -> GridFile:
    """The grid with `--set section.key=value` and `--seed` applied.

    If a change removes a name from the grid, its options are removed, too. Raises BenchError for an invalid assignment.
    """
    check_shape(grid)
    content = grid.content
    for assignment in assignments:
        content = _merged(content, parse_assignment(assignment))
    check_shape(grid._replace(content=content))
    gone = {axis: _named(grid.content, axis) - _named(content, axis) for axis in TABLES}
    content = _without_options_of(content, gone)
    if seeds:
        content = content | {"grid": {**content.get("grid", {}), "seed": list(seeds)}}
        cells = [{key: value for key, value in table.items() if key != "seed"} for table in content.get("cells", [])]
        content = content | ({"cells": cells} if cells else {})
    return grid._replace(content=content)


def check_shape(grid: GridFile) -> None:
    """Raises GridError if a section that should be a table is not one."""
    content = grid.content
    tables = [(f"[{key}]", content.get(key, {})) for key in ("grid", "training", "evaluation", *TABLES.values())]
    for key in TABLES.values():
        if isinstance(content.get(key), dict):
            tables += [(f'[{key}."{name}"]', table) for name, table in content[key].items()]
    cells = content.get("cells", [])
    if not isinstance(cells, list):
        raise GridError(["`cells` has to be a list of tables, each written [[cells]]."], grid.where)
    for number, cell in enumerate(cells, start=1):
        tables.append((f"[[cells]] number {number}", cell))
        if isinstance(cell, dict):
            tables += [(f"[[cells]] number {number} {key}", cell.get(key, {})) for key in OWN_TABLES]
    faults = [f"{where} has to be a table." for where, table in tables if not isinstance(table, dict)]
    if faults:
        raise GridError(faults, grid.where)


def _named(content: dict[str, Any], axis: str) -> set[str]:
    """All values of an axis that occur in a grid."""
    values = [table.get(axis, []) for table in (content.get("grid", {}), *content.get("cells", []))]
    return {str(value) for each in values for value in (each if isinstance(each, list) else [each])}


def _without_options_of(content: dict[str, Any], gone: dict[str, set[str]]) -> dict[str, Any]:
    """The grid without the option tables of names that a change removed."""
    kept = {
        TABLES[axis]: {name: table for name, table in content[TABLES[axis]].items() if name not in names}
        for axis, names in gone.items()
        if isinstance(content.get(TABLES[axis]), dict)
    }
    return content | kept


def parse_assignment(text: str) -> dict[str, Any]:
    """Parses KEY=VALUE as TOML, except that a text needs no quotes. Raises BenchError if it is not an assignment."""
    key, equals, value = text.partition("=")
    for candidate in (text, f"{key}={value!r}"):  # a bare word is a text
        try:
            if equals:
                return tomllib.loads(candidate)
        except tomllib.TOMLDecodeError:
            continue
    raise BenchError(f"{text!r} is no assignment. Write key=value, as in training.iterations=50.")


def _merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    both = {
        key: _merged(old[key], value) if isinstance(value, dict) and isinstance(old.get(key), dict) else value
        for key, value in new.items()
    }
    return old | both


def _parse(text: str, where: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BenchError(f"{where} is not TOML: {error}.") from error


def make_importable(folder: Path) -> None:
    """Adds a folder to those in which import paths begin."""
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
