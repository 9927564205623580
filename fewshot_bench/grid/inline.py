"""The simplest engine: the cells of a grid, one after another, in this process."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from fewshot_bench.data.pool import Pool
from fewshot_bench.grid import ledger
from fewshot_bench.grid.attempt import Listener, attempt, fail
from fewshot_bench.grid.packs import Pack, cut_back, in_step, pack, twins
from fewshot_bench.training.cell import Interrupted, Moment
from fewshot_bench.training.driving import as_planned, drive
from fewshot_bench.training.plan import Plan
from fewshot_bench.training.planning import find_plan
from fewshot_bench.training.settings import Cell


def run_cells(
    cells: Sequence[Cell],
    directory: Path,
    pools: dict[str, Pool],
    device: str,
    listener: Listener,
    given: dict[str, Any] | None = None,
) -> list[str]:
    """Runs what is not done yet; returns the ids of cells that are not done then: failed, or in other hands.

    given: fields of the plans of new cells; what it leaves open is measured. Raises Interrupted where `listener` says
    stop.
    """
    undone: list[str] = []
    seen: set[Cell] = set()
    for index, cell in enumerate(cells):
        if listener.stop():
            raise Interrupted
        if cell in seen:
            continue
        with ExitStack() as locks:
            if not _ours(cell, directory, locks):
                undone += _in_other_hands(cell, directory, listener)
                continue
            others = [one for one in cells[index + 1 :] if one not in seen]
            found = pack([cell, *twins(cell, others, directory)], directory)
            plan = found.plan or _new_plan(
                cell, len(found.cells), directory, pools[cell.dataset], device, given or {}, listener
            )
            if plan is None:
                undone.append(cell.id)
                continue
            beside = [one for one in found.cells[1 : plan.replicas] if _ours(one, directory, locks)]
            group = pack([cell, *beside], directory)  # they may have got on since
            seen.update(group.cells)
            undone += _run(group, directory, pools[cell.dataset], plan, listener)
    return undone


def _ours(cell: Cell, directory: Path, locks: ExitStack) -> bool:
    """Whether the cell is to be run, and nobody else will until `locks` closes."""
    folder = ledger.folder_of(directory, cell)
    if ledger.is_done(folder):
        return False
    try:
        locks.enter_context(FileLock(folder / ledger.LOCK, timeout=0))
    except Timeout:
        return False
    return not ledger.is_done(folder)  # whoever had it may have ended it just now


def _in_other_hands(cell: Cell, directory: Path, listener: Listener) -> list[str]:
    """Says what became of a cell that is not ours; its id where it is not done."""
    if ledger.is_done(ledger.folder_of(directory, cell)):
        listener.ended(cell, ledger.DONE, "")
        return []
    listener.ended(cell, ledger.RUNNING, "another process is running it")
    return [cell.id]


def _new_plan(
    cell: Cell, seeds: int, directory: Path, pool: Pool, device: str, given: dict[str, Any], listener: Listener
) -> Plan | None:
    """A plan for a cell that begins; None where it cannot be planned: it has failed."""
    folder = ledger.folder_of(directory, cell)
    listener.moment(cell, Moment("planning", 0, None, None))
    try:
        return find_plan(cell, seeds, pool, device, given, lambda text: ledger.log(folder, text))
    except Exception as error:
        fail(cell, folder, error, listener)
        return None


def _run(group: Pack, directory: Path, pool: Pool, plan: Plan, listener: Listener) -> list[str]:
    """Runs cells side by side; returns the ids of those that are not done then."""
    folders = [ledger.folder_of(directory, cell) for cell in group.cells]
    plan = plan._replace(replicas=len(folders))
    if len(folders) > 1:
        cut_back(folders, group.start)
    told = in_step(listener)
    with as_planned(plan):
        done = drive(
            [
                attempt(cell, folder, pool, plan, group.start, told)
                for cell, folder in zip(group.cells, folders, strict=True)
            ]
        )
    return [cell.id for cell, well in zip(group.cells, done, strict=True) if not well]
