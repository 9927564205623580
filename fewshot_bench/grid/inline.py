"""The simplest engine: the cells of a grid in this process, one after another, or seeds of one cell side by side.

The bits of a cell may depend on the cells trained beside it. So cells that were interrupted together go on together,
from one meta-step. A cell that fell behind the others, because it failed, goes on by itself.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from fewshot_bench.basics.lease import Lost, OthersError, lease
from fewshot_bench.cells import folders
from fewshot_bench.cells.cell import Cell
from fewshot_bench.cells.folders import CHECKPOINTS
from fewshot_bench.data.pool import Pool
from fewshot_bench.grid.attempt import Attempt, Listener, fail, now, requeue
from fewshot_bench.training import checkpoint
from fewshot_bench.training.assembly import Network, build_network
from fewshot_bench.training.loop import train
from fewshot_bench.training.plan import Plan, as_planned, recorded_plan
from fewshot_bench.training.planning import find_plan
from fewshot_bench.training.replica import Interrupted, Moment, Watch, begin_or_resume


class Pack(NamedTuple):
    """Cells that can be trained side by side.

    plan: what they go on by; None where all begin, or began by what this version does not understand. start:
    meta-steps done at the last checkpoint that all of them have, 0 being the beginning.
    """

    cells: list[Cell]
    plan: Plan | None
    start: int


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
            plan, network = found.plan, None
            if plan is None:
                new = _new_plan(cell, len(found.cells), directory, pools[cell.dataset], device, given or {}, listener)
                if new is None:
                    undone.append(cell.id)
                    continue
                plan, network = new
            for one in found.cells[1 : plan.replicas]:
                with suppress(OthersError):
                    lost |= _ours(one, directory, leases, listener)
            group = pack(list(lost), directory)  # they may have got on since
            seen.update(group.cells)
            undone += _run(group, directory, pools[cell.dataset], plan, network, listener, lost, accept_code)
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
) -> tuple[Plan, Network] | None:
    """A plan for a new cell and its network; None if planning failed, and with it the cell.

    Raises Interrupted if `listener` says stop between two plans; the cell is then queued again.
    """
    folder = folders.folder_of(directory, cell)
    try:
        folders.mark(folder, folders.PLANNING, iterations=0, now={"phase": "planning"})
        listener.moment(cell, Moment("planning", 0, None, None))
        network, log = build_network(cell), partial(folders.log, folder)
        return find_plan(cell, seeds, pool, device, given, log, listener.stop, network), network
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
    network: Network | None,
    listener: Listener,
    lost: Mapping[Cell, Lost],
    accept_code: bool,
) -> list[str]:
    """Trains cells side by side; returns the ids of those that are not done then. network: of the first, if built."""
    places = [folders.folder_of(directory, cell) for cell in group.cells]
    plan = plan._replace(replicas=len(places))
    if len(places) > 1:
        _cut_back(places, group.start)
    attempts, replicas = [], []
    with as_planned(plan):
        for cell, folder in zip(group.cells, places, strict=True):
            attempts.append(one := Attempt(cell, folder, plan, group.start, listener, lost[cell]))
            try:
                assembly = one.begin(pool, accept_code, network if cell is group.cells[0] else None)
                replicas.append(begin_or_resume(assembly, folder, Watch(one.moment, one.ended), group.start))
            except Exception as error:
                one.ended(error)
        train(replicas, listener.stop)
    return [one.cell.id for one in attempts if not one.done]


def twins(cell: Cell, cells: Iterable[Cell], directory: Path) -> list[Cell]:
    """Those of `cells` that have its settings but for the seed, and are not done."""
    return [
        other
        for other in cells
        if other != cell
        and replace(other, seed=cell.seed) == cell
        and not folders.is_done(folders.folder_of(directory, other))
    ]


def pack(cells: Sequence[Cell], directory: Path) -> Pack:
    """The first of `cells`, and those of the others that can go on, or begin, where it does."""
    places = [folders.folder_of(directory, cell) for cell in cells]
    checkpoints = [checkpoint.numbers(folder / CHECKPOINTS, "step") for folder in places]
    plans = [recorded_plan(folders.status(folder)) for folder in places]
    others = [index for index in range(1, len(cells)) if plans[index] == plans[0]]
    if not any(checkpoints[index] for index in (0, *others)):
        others = [index for index in range(1, len(cells)) if not checkpoints[index]]
    chosen, common = [0], _starts(checkpoints[0])
    for index in others:
        shared = common & _starts(checkpoints[index])
        if shared:
            chosen, common = [*chosen, index], shared
    going_on = any(checkpoints[index] for index in chosen)
    return Pack([cells[index] for index in chosen], plans[0] if going_on else None, max(common))


def _cut_back(places: Iterable[Path], start: int) -> None:
    """Removes the checkpoints that came after `start`: their meta-steps are taken again."""
    for folder in places:
        checkpoint.drop_after(folder / CHECKPOINTS, "step", start)


def _starts(checkpoints: set[int]) -> set[int]:
    """Where a cell may go on; also from its beginning, as long as no checkpoint was ever removed to make room."""
    return checkpoints if len(checkpoints) >= checkpoint.KEPT else checkpoints | {0}
