"""How far the cells of a folder are, who has them, and when they will be done: read from disk alone."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from fewshot_bench.basics.counting import counted
from fewshot_bench.basics.lease import holder
from fewshot_bench.cells.contents import number, score_text
from fewshot_bench.cells.folders import STATUSES, UNDER_WAY
from fewshot_bench.cells.reading import CellFolder
from fewshot_bench.report.table import Column, Table, tabulate

_ORDER = (*UNDER_WAY, "failed", "queued", "skipped", "done")


class CellProgress(NamedTuple):
    """A cell, and the progress of one that is being computed.

    status: that of the cell, but "stopped" if its process has ended. left: seconds of training left at the pace so far;
    None if there is no pace yet. who: the process that computes it.
    """

    cell: CellFolder
    status: str
    phase: str
    loss: float | None
    accuracy: float | None
    left: float | None
    who: str


def progress(cells: Sequence[CellFolder]) -> list[CellProgress]:
    """Of each cell, in the order of `progress_table`."""
    found = [_progress(cell) for cell in cells]
    return sorted(found, key=lambda one: (_ORDER.index(one.cell.status), one.cell.name))


def counts_in_words(found: Sequence[CellProgress]) -> str:
    """How many cells have which status, and the time so far, in a sentence."""
    counts = Counter(one.status for one in found)
    kinds = [*STATUSES, "stopped"]
    words = [f"{counts[kind]} {kind}" for kind in sorted(counts, key=kinds.index) if counts[kind]]
    spent = sum(one.cell.seconds or 0.0 for one in found)
    changed = sum(bool(one.cell.code.changed) for one in found)
    slower = sum(bool(_interpreter(one.cell)) for one in found)
    notes = [f"Code was changed after {changed:,} of them began."] if changed else []
    notes += [f"Torch's interpreter could not carry out the programs of {slower:,} of them (--all)."] if slower else []
    first = f"{counted(len(found), 'cell')}: {', '.join(words)}; {hours_and_minutes(spent)} of computing so far."
    return " ".join([first, *notes])


def progress_table(found: Sequence[CellProgress], every: bool) -> Table:
    """A row for each cell. Without `every`, those that are done or queued are left out, unless their code changed."""
    shown = [
        one for one in found if every or one.cell.status in (*UNDER_WAY, "failed", "skipped") or one.cell.code.changed
    ]
    return tabulate("progress", counts_in_words(found), _COLUMNS, shown)


def hours_and_minutes(seconds: float) -> str:
    """Such as "3 h 02 min", "5 min" or "40 s"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min"


def _progress(cell: CellFolder) -> CellProgress:
    under_way = cell.status in UNDER_WAY
    has = holder(cell.folder) if under_way else None
    now = cell.recorded("now")
    status = "stopped" if under_way and (has is None or not has.alive) else cell.status
    who = f"{has.words}, last sign {hours_and_minutes(max(0.0, has.age))} ago" if has else ""
    if status == "stopped":
        who = f"{has.words if has else 'who ran it'} is gone; the same command goes on"
    return CellProgress(
        cell,
        status,
        str(now.get("phase", "")) if cell.status == "running" else "",
        number(now.get("loss")),
        number(now.get("accuracy")),
        _left(cell) if status == "running" and now.get("phase") == "training" else None,
        who,
    )


def _left(cell: CellFolder) -> float | None:
    planned = cell.config.get("training", {}).get("iterations")
    if not planned or not cell.iterations or not cell.seconds:
        return None
    return (planned - cell.iterations) * cell.seconds / cell.iterations


def _interpreter(cell: CellFolder) -> str:
    """Why torch's interpreter was not used, as status.json has it; "" if it was, or if nothing was traced."""
    said = cell.status_file.get("interpreter")
    return f"torch's interpreter was not used ({said})" if isinstance(said, str) and said != "used" else ""


def _status(one: CellProgress) -> str:
    return f"{one.status}, {one.phase}" if one.phase and one.status == "running" else one.status


def _meta_steps(one: CellProgress) -> str:
    return f"{one.cell.iterations or 0}/{one.cell.config.get('training', {}).get('iterations', '?')}"


def _who_or_why(one: CellProgress) -> str:
    return "; ".join(filter(None, (one.who or one.cell.reason, one.cell.code.words, _interpreter(one.cell))))


_COLUMNS = (
    Column("cell", wrap=True, value=lambda one: one.cell.name),
    Column("status", value=_status),
    Column("meta-steps", "right", value=_meta_steps),
    Column("loss", "right", value=lambda one: "" if one.loss is None else f"{one.loss:.3f}"),
    Column("val", "right", value=lambda one: "" if one.accuracy is None else score_text(one.accuracy)),
    Column("time left", "right", value=lambda one: "" if one.left is None else hours_and_minutes(one.left)),
    Column("who, or why", wrap=True, value=_who_or_why),
)
