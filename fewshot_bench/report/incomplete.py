"""Cells without a number, with the reason: shown, never dropped."""

from collections.abc import Sequence

from fewshot_bench.basics.counting import counted
from fewshot_bench.cells.folders import STATUSES
from fewshot_bench.cells.reading import CellFolder
from fewshot_bench.report.table import Column, Entry, Table

MANY = 8
"""From so many cells of one status and reason on, they share a line."""

_COLUMNS = (Column("cell", wrap=True), Column("status"), Column("meta-steps", "right"), Column("reason", wrap=True))
_LONGEST = 300  # characters of a reason; the rest is in the cell's log.txt


def incomplete_table(cells: Sequence[CellFolder]) -> Table | None:
    """The cells that are not done, failed ones first; None where all are done."""
    kinds: dict[tuple[str, str], list[CellFolder]] = {}
    for cell in sorted(cells, key=lambda cell: (STATUSES.index(cell.status), cell.name)):
        if cell.status != "done":
            kinds.setdefault((cell.status, cell.told), []).append(cell)
    if not kinds:
        return None
    rows: list[tuple[Entry, ...]] = []
    for (status, reason), alike in kinds.items():
        if len(alike) >= MANY:
            rows.append(_line(f"{counted(len(alike), 'cell')}, {alike[0].name} the first", status, "", reason))
        else:
            rows += [_line(cell.name, status, _progress(cell), reason) for cell in alike]
    return Table(
        name="incomplete",
        title=f"Cells without a result: {sum(map(len, kinds.values())):,} of {len(cells):,}",
        columns=_COLUMNS,
        rows=tuple(rows),
    )


def _line(name: str, status: str, progress: str, reason: str) -> tuple[Entry, ...]:
    short = reason if len(reason) <= _LONGEST else reason[:_LONGEST].rstrip() + " ... (log.txt has the rest)"
    return tuple(Entry(text) for text in (name, status, progress, short))


def _progress(cell: CellFolder) -> str:
    planned = cell.config.get("training", {}).get("iterations") if cell.config else None
    return "" if cell.iterations is None else f"{cell.iterations} of {planned}" if planned else str(cell.iterations)
