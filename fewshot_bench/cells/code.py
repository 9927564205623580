"""The record of the code that a cell names by import path. After an edit, old results do not count for the new code.

status.json holds hashes of the source with which a cell was computed. This module writes and compares that record.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from fewshot_bench.basics.counting import counted, listed, was_or_were
from fewshot_bench.basics.errors import BenchError
from fewshot_bench.basics.source import Source, source_of
from fewshot_bench.cells import folders
from fewshot_bench.cells.cell import AXES, Cell

SOURCE, BEFORE = "source", "source_before"
"""Keys of status.json: the source of a cell's results; and its earlier sources, the oldest first."""


class RecordedSource(NamedTuple):
    """A recorded source. files, installed: as in Source. folders: their folders, relative to the results folder."""

    files: dict[str, str]
    installed: dict[str, str]
    folders: tuple[str, ...] = ()


def as_table(source: Source, directory: Path) -> dict[str, Any]:
    """A source as a table for status.json. directory: the results folder. Paths are relative to it."""
    return {
        "files": source.files,
        "installed": source.installed,
        "folders": [_from(directory.resolve(), folder) for folder in source.folders],
    }


def recorded(status: Mapping[str, Any]) -> RecordedSource | None:
    """The source of a cell's results; None if none is recorded, as in results of older versions."""
    return _parsed(status.get(SOURCE))


def recorded_before(status: Mapping[str, Any]) -> list[RecordedSource]:
    """The sources that the cell had before, the oldest first."""
    tables = status.get(BEFORE)
    return [source for table in (tables if isinstance(tables, list) else []) if (source := _parsed(table))]


def changed(status: Mapping[str, Any], now: RecordedSource | Source, done: bool) -> list[str]:
    """Names of files and distributions that differ from those in a cell's status.json; [] if it has no source.

    done: whether the cell is done. Each of its recorded sources is then accepted: it was computed with one of them, and
    the user accepted the others.
    """
    held = recorded(status)
    if held is None:
        return []
    accepted = [held, *recorded_before(status)] if done else [held]
    return [] if any(not differing(one, now) for one in accepted) else differing(held, now)


def differing(one: RecordedSource | Source, other: RecordedSource | Source) -> list[str]:
    """Files and distributions that are not the same in both."""
    ours, theirs = one.files | one.installed, other.files | other.installed
    return sorted(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name))


def source_of_cell(cell: Cell) -> Source:
    """The current source of the code that a cell names by import path; empty if it names none."""
    return source_of(_import_paths(cell))


def _import_paths(cell: Cell) -> tuple[str, ...]:
    values = [*(getattr(cell, axis) for axis in AXES), cell.evaluation.dataset]
    return tuple(value for value in values if isinstance(value, str) and ":" in value)


def accept_or_refuse(cells: Sequence[Cell], directory: Path, accept: bool) -> list[Cell]:
    """The cells whose results or checkpoints were made before their code was changed, once that is accepted.

    accept: record the current code for such cells that are done. Raises BenchError, before anything is written, if
    there are such cells and `accept` is false, or if code was edited after this process had imported it.
    """
    sources, others = _sources_and_others(cells, directory)
    edited = sorted({file for source in sources.values() for file in source.edited})
    if edited:
        raise BenchError(
            f"{listed(edited)} {was_or_were(edited)} edited after this Python process imported {_it(edited)}, so the "
            "process runs the old code. Restart it (in a notebook, its kernel), or importlib.reload the module."
        )
    if others and not accept:
        raise BenchError(_refusal(others, directory))
    for cell in others:
        folder = folders.folder_of(directory, cell)
        if folders.is_done(folder):  # an unfinished cell records its code when it goes on
            folders.mark(folder, folders.DONE, **code_entries(folders.status(folder), sources[cell], directory))
    return list(others)


def refusal(cells: Sequence[Cell], directory: Path) -> str:
    """The message with which `accept_or_refuse` would refuse the cells; empty if it would not."""
    _, others = _sources_and_others(cells, directory)
    return _refusal(others, directory) if others else ""


def check_code(before: Mapping[str, Any], source: Source, accept: bool) -> None:
    """Raises BenchError if a cell that goes on was begun with other code, unless `accept` is true.

    before: the cell's status.json, {} for a new cell.
    """
    names = [] if accept else changed(before, source, done=False)
    if names:
        raise BenchError(
            f"begun with other code: {listed(names)} {was_or_were(names)} changed since. Restore the old code, "
            "or go on with the new code by --accept-code."
        )


def code_entries(before: Mapping[str, Any], source: Source, directory: Path) -> dict[str, Any]:
    """The entries on a cell's code for status.json; {} for a cell that names no code and never did.

    before: the cell's status.json so far, {} for a new cell.
    """
    held = recorded(before)
    if held is None and not source.files and not source.installed:
        return {}
    earlier = before.get(BEFORE) or []
    if held is not None and differing(held, source):
        earlier = [*earlier, before[SOURCE]]
    return {SOURCE: as_table(source, directory), BEFORE: earlier}


def _sources_and_others(cells: Sequence[Cell], directory: Path) -> tuple[dict[Cell, Source], dict[Cell, list[str]]]:
    """The current source of each cell; and, for cells computed with other source, the names of what was changed."""
    paths = {cell: _import_paths(cell) for cell in cells}
    by_paths = {names: source_of(names) for names in dict.fromkeys(paths.values())}
    sources = {cell: by_paths[paths[cell]] for cell in paths}
    return sources, {cell: names for cell, source in sources.items() if (names := _differing(cell, source, directory))}


def _differing(cell: Cell, source: Source, directory: Path) -> list[str]:
    """The code that changed since a cell was begun; none if the cell has neither a result nor a checkpoint."""
    folder = folders.folder_of(directory, cell)
    done = folders.is_done(folder)
    bound = done or folders.has_checkpoint(folder)
    return changed(folders.status(folder), source, done) if bound else []


def _refusal(others: Mapping[Cell, list[str]], directory: Path) -> str:
    names = sorted({name for changes in others.values() for name in changes})
    unfinished = sum(not folders.is_done(folders.folder_of(directory, cell)) for cell in others)
    count = counted(len(others), "cell")
    which = listed([str(folders.folder_of(directory, cell)) for cell in others])
    goes_on = " (unfinished cells then go on with the new code)" if unfinished else ""
    return (
        f"{listed(names)} {was_or_were(names)} changed since {count} of this grid "
        f"{was_or_were(list(others))} computed: {which}. Give the new code a results folder of its own by "
        "--out; or keep these results for the new code too by "
        f"--accept-code{goes_on}; or delete these folders to compute them again."
    )


def _it(names: Sequence[Any]) -> str:
    return "it" if len(names) == 1 else "them"


def _parsed(table: object) -> RecordedSource | None:
    if not isinstance(table, dict):
        return None
    files, installed, folders = (table.get(key) for key in ("files", "installed", "folders"))
    if not isinstance(files, dict) or not isinstance(installed, dict) or not isinstance(folders, list):
        return None
    return RecordedSource(dict(files), dict(installed), tuple(map(str, folders)))


def _from(directory: Path, folder: str) -> str:
    try:
        return Path(os.path.relpath(Path(folder).resolve(), directory)).as_posix()
    except ValueError:  # on another drive
        return folder
