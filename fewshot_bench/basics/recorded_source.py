"""The source that a cell was computed with, as recorded in its status.json, and what of it has changed since."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from fewshot_bench.basics.source import Source

SOURCE, BEFORE = "source", "source_before"
"""Keys of status.json: the source that a cell's numbers stand for; and the earlier sources, the oldest first."""


class Recorded(NamedTuple):
    """files, installed: as in Source. folders: those of the files, relative to the results folder."""

    files: dict[str, str]
    installed: dict[str, str]
    folders: tuple[str, ...] = ()


def as_table(source: Source, directory: Path) -> dict[str, Any]:
    """The table for status.json. directory: the results folder; paths are relative to it, so both can move together."""
    return {
        "files": source.files,
        "installed": source.installed,
        "folders": [_from(directory.resolve(), folder) for folder in source.folders],
    }


def recorded(status: Mapping[str, Any]) -> Recorded | None:
    """The source that a cell's numbers stand for; None if none is recorded, as in results of older versions."""
    return _parsed(status.get(SOURCE))


def recorded_before(status: Mapping[str, Any]) -> list[Recorded]:
    """The sources that the cell had before, the oldest first."""
    tables = status.get(BEFORE)
    return [found for one in (tables if isinstance(tables, list) else []) if (found := _parsed(one))]


def changed(status: Mapping[str, Any], now: Recorded | Source, done: bool) -> list[str]:
    """Names of files and distributions that differ from those in a cell's status.json; [] if it has no source.

    done: whether the cell is done. Each of its recorded sources is then accepted: it was computed with one of them, and
    the user accepted the others.
    """
    held = recorded(status)
    if held is None:
        return []
    accepted = [held, *recorded_before(status)] if done else [held]
    return [] if any(not differing(one, now) for one in accepted) else differing(held, now)


def differing(one: Recorded | Source, other: Recorded | Source) -> list[str]:
    """Files and distributions that are not the same in both."""
    ours, theirs = one.files | one.installed, other.files | other.installed
    return sorted(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name))


def was_or_were(names: Sequence[object]) -> str:
    """ "was" for one name, "were" for several."""
    return "was" if len(names) == 1 else "were"


def listed(names: Sequence[str]) -> str:
    """Such as "a, b and c"; of more than four names, three and the number of the others."""
    few = [*names[:3], f"{len(names) - 3} more"] if len(names) > 4 else list(names)
    return " and ".join(filter(None, (", ".join(few[:-1]), *few[-1:])))


def _parsed(table: object) -> Recorded | None:
    if not isinstance(table, dict):
        return None
    files, installed, folders = (table.get(key) for key in ("files", "installed", "folders"))
    if not isinstance(files, dict) or not isinstance(installed, dict) or not isinstance(folders, list):
        return None
    return Recorded(dict(files), dict(installed), tuple(map(str, folders)))


def _from(directory: Path, folder: str) -> str:
    try:
        return Path(os.path.relpath(Path(folder).resolve(), directory)).as_posix()
    except ValueError:  # on another drive
        return folder
