"""The simplest engine: the cells of a grid, one after another, in this process."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from fewshot_bench.data.pool import Pool
from fewshot_bench.grid import ledger
from fewshot_bench.grid.attempt import Listener, attempt, began, fail
from fewshot_bench.grid.packs import common_start, twins
from fewshot_bench.training.cell import Interrupted, Moment
from fewshot_bench.training.driving import as_planned, drive
from fewshot_bench.training.plan import Plan, recorded
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
        if ledger.is_done(ledger.folder_of(directory, cell)):
            listener.ended(cell, ledger.DONE, "")
            continue
        with ExitStack() as locks:
            if not _locked(cell, directory, locks, listener):
                undone.append(cell.id)
                continue
            alike = twins(cell, cells[index + 1 :], directory)
            plan = _plan(cell, len(alike), directory, pools[cell.dataset], device, given or {}, listener)
            if plan is None:
                undone.append(cell.id)
                continue
            group = [cell, *(one for one in alike[1 : plan.replicas] if _locked(one, directory, locks, listener))]
            seen.update(group)
            undone += _run(group, directory, pools[cell.dataset], plan._replace(replicas=len(group)), listener)
    return undone


def _locked(cell: Cell, directory: Path, locks: ExitStack, listener: Listener) -> bool:
    """Whether the cell is ours until `locks` closes; else another process is running it."""
    try:
        locks.enter_context(FileLock(ledger.folder_of(directory, cell) / ledger.LOCK, timeout=0))
        return True
    except Timeout:
        listener.ended(cell, ledger.RUNNING, "another process is running it")
        return False


def _plan(
    cell: Cell, seeds: int, directory: Path, pool: Pool, device: str, given: dict[str, Any], listener: Listener
) -> Plan | None:
    """The plan that a cell began with, or a new one; None where the cell cannot be planned: it has failed."""
    folder = ledger.folder_of(directory, cell)
    plan = recorded(began(folder))
    if plan is not None:
        return plan
    listener.moment(cell, Moment("planning", 0, None, None))
    try:
        return find_plan(cell, seeds, pool, device, given, lambda text: ledger.log(folder, text))
    except Exception as error:
        fail(cell, folder, error, listener)
        return None


def _run(group: list[Cell], directory: Path, pool: Pool, plan: Plan, listener: Listener) -> list[str]:
    """Runs cells side by side; returns the ids of those that are not done then."""
    folders = [ledger.folder_of(directory, cell) for cell in group]
    start = common_start(folders)
    with as_planned(plan):
        attempts = [
            attempt(cell, folder, pool, plan, start, listener) for cell, folder in zip(group, folders, strict=True)
        ]
        done = drive(attempts)
    return [cell.id for cell, well in zip(group, done, strict=True) if not well]
