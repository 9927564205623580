"""Retries of failed cells: the same cells again, or new cells with changed settings."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fewshot_bench.basics.counting import counted
from fewshot_bench.basics.errors import BenchError
from fewshot_bench.cells import folders
from fewshot_bench.cells.cell import AXES, Cell
from fewshot_bench.grid.expand import expand
from fewshot_bench.grid.files import OWN_OPTIONS, TABLES, GridFile, make_importable, with_changes


def cells_named(names: Iterable[str], directory: Path) -> list[Cell]:
    """The cells of a folder by name. Raises BenchError if a folder holds another cell's configuration."""
    make_importable(Path.cwd())
    return [folders.cell_in(directory / folders.CELLS / name) for name in names]


def changed_cells(cells: Sequence[Cell], changes: Sequence[str]) -> dict[Cell, Cell]:
    """Each cell -> the cell with the changes of `--set`. Raises BenchError for invalid changes."""
    by_cell = {}
    for cell in cells:
        made = expand(with_changes(as_grid(cell), changes, ()))
        if len(made) != 1:
            words = f"the changes make {counted(len(made), 'cell')} of {cell.id}, and a retry puts one in its place"
            raise BenchError(f"{words}. Give one value, not a list.")
        by_cell[cell] = made[0]
    return by_cell


def as_grid(cell: Cell) -> GridFile:
    """A grid of one cell."""
    content: dict[str, Any] = {
        "grid": {axis: [getattr(cell, axis)] for axis in AXES},
        "training": _given(asdict(cell.training)),
        "evaluation": _given(asdict(cell.evaluation)),
    }
    for axis, table in TABLES.items():
        options = dict(getattr(cell, OWN_OPTIONS[axis]))
        if options:
            content[table] = {getattr(cell, axis): {key: _listed(value) for key, value in options.items()}}
    if cell.test_dataset_options:
        options = {key: _listed(value) for key, value in cell.test_dataset_options}
        content.setdefault(TABLES["dataset"], {})[cell.test_dataset] = options
    return GridFile(cell.id, cell.id, content)


def replace_in_folder(directory: Path, replaced: dict[Cell, Cell], changes: Sequence[str]) -> None:
    """Marks replaced cells as skipped, with the new cell's name and the changes; their files are kept."""
    for old, new in replaced.items():
        folder = folders.folder_of(directory, old)
        if (
            new != old and folders.status(folder).get("status") == folders.FAILED
        ):  # another command may have computed it
            reason = f"retried as {new.id}: {', '.join(changes)}"
            folders.mark(folder, folders.SKIPPED, reason=reason)


def _given(section: dict[str, Any]) -> dict[str, Any]:
    """The settings that are not None."""
    return {key: value for key, value in section.items() if value is not None}


def _listed(value: Any) -> Any:
    """The value with tuples as lists, which TOML needs."""
    return [_listed(item) for item in value] if isinstance(value, tuple) else value
