"""The source that a cell was computed with, as its status.json keeps it, and what of that is another by now."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from fewshot_bench.basics.source import Source

SOURCE, BEFORE = "source", "source_before"
"""Keys of status.json: the source that a cell's numbers stand for, and those that it had before, the oldest first."""


class Recorded(NamedTuple):
    """files, installed: as in Source. folders: where the files were, as seen from the folder of results."""

    files: dict[str, str]
    installed: dict[str, str]
    folders: tuple[str, ...] = ()


def as_table(source: Source, directory: Path) -> dict[str, Any]:
    """What status.json keeps. directory: of the results; folders are relative to it, so that both can move together."""
    return {
        "files": source.files,
        "installed": source.installed,
        "folders": [_from(directory.resolve(), folder) for folder in source.folders],
    }


def recorded(status: Mapping[str, Any]) -> Recorded | None:
    """The source that a cell's numbers stand for; None where none is recorded, as in results of older versions."""
    return _parsed(status.get(SOURCE))


def recorded_before(status: Mapping[str, Any]) -> list[Recorded]:
    """Those that it had before."""
    tables = status.get(BEFORE)
    return [found for one in (tables if isinstance(tables, list) else []) if (found := _parsed(one))]


def changed(status: Mapping[str, Any], now: Recorded | Source, done: bool) -> list[str]:
    """What is not any more as a cell's status.json has it; nothing where that has no source.

    done: whether the cell is; then each source that it ever had will do, since it was computed with one of them and the
    others were accepted for it.
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


def was(names: Sequence[object]) -> str:
    """The verb that goes with so many names."""
    return "was" if len(names) == 1 else "were"


def listed(names: Sequence[str]) -> str:
    """a, b and c; of many the first."""
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
