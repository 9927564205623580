"""Cells that name code by import path are bound to it: results of other code are not taken for those of this."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fewshot_bench.basics.errors import BenchError
from fewshot_bench.basics.recorded_source import (
    BEFORE,
    SOURCE,
    as_table,
    changed,
    differing,
    listed,
    recorded,
    was,
)
from fewshot_bench.basics.source import Source, source_of
from fewshot_bench.grid import ledger
from fewshot_bench.training.cell import CHECKPOINTS
from fewshot_bench.training.settings import AXES, Cell


def source_of_cell(cell: Cell) -> Source:
    """The source of what a cell names by import path, as it is now; empty where it names nothing so."""
    return source_of(_import_paths(cell))


def _import_paths(cell: Cell) -> tuple[str, ...]:
    values = [getattr(cell, axis) for axis in AXES]
    return tuple(value for value in values if isinstance(value, str) and ":" in value)


def accept_or_refuse(cells: Sequence[Cell], directory: Path, accept: bool) -> list[Cell]:
    """The cells whose results, or checkpoints, are of other code than there is now; empty but where that is accepted.

    accept: done cells then are recorded as standing for the code as it is. Raises BenchError where it is not, before
    anything is written; and for code that was edited after this process had imported it.
    """
    sources, others = _sources_and_others(cells, directory)
    edited = sorted({file for source in sources.values() for file in source.edited})
    if edited:
        raise BenchError(
            f"{listed(edited)} {was(edited)} edited after this Python process imported {_it(edited)}, so the code in "
            "memory is another. Restart it (in a notebook, its kernel), or importlib.reload the module."
        )
    if others and not accept:
        raise BenchError(_refusal(others, directory))
    for cell in others:
        folder = ledger.folder_of(directory, cell)
        if ledger.is_done(folder):  # what is not done is recorded when it goes on
            ledger.mark(folder, ledger.DONE, **facts(ledger.status(folder), sources[cell], directory))
    return list(others)


def refusal(cells: Sequence[Cell], directory: Path) -> str:
    """Why `accept_or_refuse` would stop at cells, in a sentence; empty where it would not."""
    _, others = _sources_and_others(cells, directory)
    return _refusal(others, directory) if others else ""


def check_code(before: Mapping[str, Any], source: Source, accept: bool) -> None:
    """Raises BenchError where a cell that goes on was begun with other code, and that is not accepted.

    before: its status.json, {} for a cell that begins.
    """
    names = [] if accept else changed(before, source, done=False)
    if names:
        raise BenchError(
            f"begun with other code: {listed(names)} {was(names)} changed since. Bring that back, or go on with the "
            "code as it is by --accept-code."
        )


def facts(before: Mapping[str, Any], source: Source, directory: Path) -> dict[str, Any]:
    """What status.json says of a cell's code from now on; nothing of a cell that names none and never did.

    before: what it says so far, {} for a cell that begins.
    """
    held = recorded(before)
    if held is None and not source.files and not source.installed:
        return {}
    earlier = before.get(BEFORE) or []
    if held is not None and differing(held, source):
        earlier = [*earlier, before[SOURCE]]
    return {SOURCE: as_table(source, directory), BEFORE: earlier}


def _sources_and_others(cells: Sequence[Cell], directory: Path) -> tuple[dict[Cell, Source], dict[Cell, list[str]]]:
    """The source of each cell as it is now; and what of it was changed, of those that were computed with another."""
    paths = {cell: _import_paths(cell) for cell in cells}
    found = {one: source_of(one) for one in dict.fromkeys(paths.values())}
    sources = {cell: found[paths[cell]] for cell in paths}
    return sources, {cell: names for cell, source in sources.items() if (names := _differing(cell, source, directory))}


def _differing(cell: Cell, source: Source, directory: Path) -> list[str]:
    """What was changed since a cell was computed, or begun; nothing where it has nothing that stands for its code."""
    folder = ledger.folder_of(directory, cell)
    done = ledger.is_done(folder)
    bound = done or any((folder / CHECKPOINTS).glob("step-*"))
    return changed(ledger.status(folder), source, done) if bound else []


def _refusal(others: Mapping[Cell, list[str]], directory: Path) -> str:
    names = sorted({name for found in others.values() for name in found})
    unfinished = sum(not ledger.is_done(ledger.folder_of(directory, cell)) for cell in others)
    count = "1 cell" if len(others) == 1 else f"{len(others)} cells"
    which = listed([str(ledger.folder_of(directory, cell)) for cell in others])
    goes_on = " (what is unfinished then goes on with it)" if unfinished else ""
    return (
        f"{listed(names)} {was(names)} changed since {count} of this grid {was(list(others))} computed: {which}. "
        "Give the new code a folder of its own by --out; or take what there is for the new code's by --accept-code"
        f"{goes_on}; or delete these folders to compute them anew."
    )


def _it(names: Sequence[Any]) -> str:
    return "it" if len(names) == 1 else "them"
