"""The cells of a folder that failed, to be run once more: as they are, or with changes as other cells."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fewshot_bench.cells import folders
from fewshot_bench.cells.cell import AXES, Cell
from fewshot_bench.grid.expand import expand
from fewshot_bench.grid.files import OWN_OPTIONS, TABLES, GridFile, make_importable, with_changes


def cells_called(names: Iterable[str], directory: Path) -> list[Cell]:
    """The cells of a folder by name. Raises BenchError where the configuration of one is not its own."""
    make_importable(Path.cwd())
    return [folders.cell_in(directory / folders.CELLS / name) for name in names]


def changed(cells: Sequence[Cell], changes: Sequence[str]) -> dict[Cell, Cell]:
    """What each cell becomes with changes as `run --set` has them. Raises GridError where that cannot be."""
    found = {}
    for cell in cells:
        (found[cell],) = expand(with_changes(as_grid(cell), changes, ()))
    return found


def as_grid(cell: Cell) -> GridFile:
    """The grid of this one cell."""
    content: dict[str, Any] = {
        "grid": {axis: [getattr(cell, axis)] for axis in AXES},
        "training": _given(asdict(cell.training)),
        "evaluation": _given(asdict(cell.evaluation)),
    }
    for axis, table in TABLES.items():
        options = dict(getattr(cell, OWN_OPTIONS[axis]))
        if options:
            content[table] = {getattr(cell, axis): {key: _listed(value) for key, value in options.items()}}
    return GridFile(cell.id, cell.id, content)


def replace_in_folder(directory: Path, replaced: dict[Cell, Cell], changes: Sequence[str]) -> None:
    """Marks the cells that others stand for now, with which and why; their files stay."""
    for old, new in replaced.items():
        folder = folders.folder_of(directory, old)
        if new != old and folders.status(folder).get("status") == folders.FAILED:  # another command may have ended it
            reason = f"retried as {new.id}: {', '.join(changes)}"
            folders.mark(folder, folders.SKIPPED, reason=reason)


def _given(section: dict[str, Any]) -> dict[str, Any]:
    """Without what is absent."""
    return {key: value for key, value in section.items() if value is not None}


def _listed(value: Any) -> Any:
    """Tuples as lists, as TOML has them."""
    return [_listed(item) for item in value] if isinstance(value, tuple) else value
