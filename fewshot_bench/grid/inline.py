"""The simplest engine: the cells of a grid, one after another, in this process."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from fewshot_bench.basics.lease import Lost, OthersError, lease
from fewshot_bench.cells import folders
from fewshot_bench.cells.cell import Cell
from fewshot_bench.data.pool import Pool
from fewshot_bench.grid.attempt import Listener, attempt, fail, now, requeue
from fewshot_bench.grid.packs import Pack, cut_back, in_step, pack, twins
from fewshot_bench.training.cell import Interrupted, Moment
from fewshot_bench.training.driving import as_planned, drive
from fewshot_bench.training.plan import Plan
from fewshot_bench.training.planning import find_plan


def run_cells(
    cells: Sequence[Cell],
    directory: Path,
    pools: dict[str, Pool],
    device: str,
    listener: Listener,
    given: dict[str, Any] | None = None,
    accept_code: bool = False,
) -> list[str]:
    """Runs what is not done yet; returns the ids of cells that are not done then: failed, or in other hands.

    given: fields of the plans of new cells; what it leaves open is measured. accept_code: see attempt. Raises
    Interrupted where `listener` says stop.
    """
    undone: list[str] = []
    seen: set[Cell] = set()
    for index, cell in enumerate(cells):
        if listener.stop():
            raise Interrupted
        if cell in seen:
            continue
        with ExitStack() as leases:
            try:
                lost = _ours(cell, directory, leases, listener)
            except OthersError as error:
                if listener.stop():
                    raise Interrupted from None
                listener.ended(cell, folders.under_way(folders.folder_of(directory, cell)), str(error))
                undone.append(cell.id)
                continue
            if not lost:
                listener.ended(cell, folders.DONE, "")
                continue
            others = [one for one in cells[index + 1 :] if one not in seen]
            found = pack([cell, *twins(cell, others, directory)], directory)
            plan = found.plan or _new_plan(
                cell, len(found.cells), directory, pools[cell.dataset], device, given or {}, listener
            )
            if plan is None:
                undone.append(cell.id)
                continue
            for one in found.cells[1 : plan.replicas]:
                with suppress(OthersError):
                    lost |= _ours(one, directory, leases, listener)
            group = pack(list(lost), directory)  # they may have got on since
            seen.update(group.cells)
            undone += _run(group, directory, pools[cell.dataset], plan, listener, lost, accept_code)
    return undone


def _ours(cell: Cell, directory: Path, leases: ExitStack, listener: Listener) -> dict[Cell, Lost]:
    """Takes the cell's folder until `leases` closes; empty where it is done. Raises OthersError where it is taken."""
    folder = folders.folder_of(directory, cell)

    def say(text: str) -> None:
        folders.log(folder, f"{now()} {text}")
        listener.say(f"{cell.id}: {text}")

    def stop() -> bool:
        listener.moment(cell, Moment("waiting", folders.spent(folder)[0], None, None))
        return listener.stop()

    if folders.is_done(folder):
        return {}
    lost = leases.enter_context(lease(folder, say, stop=stop))
    return {} if folders.is_done(folder) else {cell: lost}  # whoever had it may have ended it just now


def _new_plan(
    cell: Cell, seeds: int, directory: Path, pool: Pool, device: str, given: dict[str, Any], listener: Listener
) -> Plan | None:
    """A plan for a new cell; None if planning failed, and with it the cell.

    Raises Interrupted if `listener` says stop between two plans; the cell is then queued again.
    """
    folder = folders.folder_of(directory, cell)
    try:
        folders.mark(folder, folders.PLANNING, iterations=0, now={"phase": "planning"})
        listener.moment(cell, Moment("planning", 0, None, None))
        return find_plan(cell, seeds, pool, device, given, lambda text: folders.log(folder, text), listener.stop)
    except Interrupted:
        requeue(folder, "while it was planned")
        raise
    except Exception as error:
        fail(cell, folder, error, listener)
        return None


def _run(
    group: Pack,
    directory: Path,
    pool: Pool,
    plan: Plan,
    listener: Listener,
    lost: Mapping[Cell, Lost],
    accept_code: bool,
) -> list[str]:
    """Runs cells side by side; returns the ids of those that are not done then."""
    places = [folders.folder_of(directory, cell) for cell in group.cells]
    plan = plan._replace(replicas=len(places))
    if len(places) > 1:
        cut_back(places, group.start)
    told = in_step(listener)
    with as_planned(plan):
        done = drive(
            [
                attempt(cell, folder, pool, plan, group.start, told, lost[cell], accept_code)
                for cell, folder in zip(group.cells, places, strict=True)
            ]
        )
    return [cell.id for cell, well in zip(group.cells, done, strict=True) if not well]
