"""Cells that name code by import path are bound to it: after an edit, old results do not pass for the new code's."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fewshot_bench.basics.counting import counted
from fewshot_bench.basics.errors import BenchError
from fewshot_bench.basics.recorded_source import (
    BEFORE,
    SOURCE,
    as_table,
    changed,
    differing,
    listed,
    recorded,
    was_or_were,
)
from fewshot_bench.basics.source import Source, source_of
from fewshot_bench.cells.cell import AXES, Cell
from fewshot_bench.grid import ledger
from fewshot_bench.training.cell import CHECKPOINTS


def source_of_cell(cell: Cell) -> Source:
    """The current source of what a cell names by import path; empty if it names nothing that way."""
    return source_of(_import_paths(cell))


def _import_paths(cell: Cell) -> tuple[str, ...]:
    values = [getattr(cell, axis) for axis in AXES]
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
        folder = ledger.folder_of(directory, cell)
        if ledger.is_done(folder):  # an unfinished cell records its code when it goes on
            ledger.mark(folder, ledger.DONE, **facts(ledger.status(folder), sources[cell], directory))
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


def facts(before: Mapping[str, Any], source: Source, directory: Path) -> dict[str, Any]:
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
    found = {one: source_of(one) for one in dict.fromkeys(paths.values())}
    sources = {cell: found[paths[cell]] for cell in paths}
    return sources, {cell: names for cell, source in sources.items() if (names := _differing(cell, source, directory))}


def _differing(cell: Cell, source: Source, directory: Path) -> list[str]:
    """What was changed since a cell was begun; nothing if the cell has neither a result nor a checkpoint."""
    folder = ledger.folder_of(directory, cell)
    done = ledger.is_done(folder)
    bound = done or any((folder / CHECKPOINTS).glob("step-*"))
    return changed(ledger.status(folder), source, done) if bound else []


def _refusal(others: Mapping[Cell, list[str]], directory: Path) -> str:
    names = sorted({name for found in others.values() for name in found})
    unfinished = sum(not ledger.is_done(ledger.folder_of(directory, cell)) for cell in others)
    count = counted(len(others), "cell")
    which = listed([str(ledger.folder_of(directory, cell)) for cell in others])
    goes_on = " (unfinished cells then go on with the new code)" if unfinished else ""
    return (
        f"{listed(names)} {was_or_were(names)} changed since {count} of this grid "
        f"{was_or_were(list(others))} computed: {which}. Give the new code a results folder of its own by "
        "--out; or keep these results for the new code too by "
        f"--accept-code{goes_on}; or delete these folders to compute them again."
    )


def _it(names: Sequence[Any]) -> str:
    return "it" if len(names) == 1 else "them"
