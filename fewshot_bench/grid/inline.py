"""The inline engine: it computes cells in this process, one after another, or the seeds of a cell in one program.

The bits of a cell may depend on its group of replicas. So cells that were interrupted together resume together, at the
same meta-step. A cell that is behind the others because it failed resumes alone.
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
from fewshot_bench.data.datasets import Pools, data_of
from fewshot_bench.data.pool import Pool
from fewshot_bench.grid.cell_run import CellRun, Listener, fail, now, requeue
from fewshot_bench.training import checkpoint
from fewshot_bench.training.assembly import Network, build_network
from fewshot_bench.training.loop import train
from fewshot_bench.training.plan import Plan, as_planned, recorded_plan
from fewshot_bench.training.planning import find_plan
from fewshot_bench.training.replica import Interrupted, Moment, Watch, begin_or_resume


class ReplicaGroup(NamedTuple):
    """Cells that can be trained in one program.

    plan: the plan by which they resume; None if all begin, or if this version does not understand their plan. start:
    meta-steps done at the last checkpoint that all have, 0 for the beginning.
    """

    cells: list[Cell]
    plan: Plan | None
    start: int


def run_cells(
    cells: Sequence[Cell],
    directory: Path,
    pools: Pools,
    device: str,
    listener: Listener,
    given: dict[str, Any] | None = None,
    accept_code: bool = False,
) -> list[str]:
    """Computes the cells that are not done. Returns the ids of those that failed or that another process computes.

    given: fields of the plans of new cells; other fields are chosen by measurement. accept_code: see CellRun.begin.
    Raises Interrupted if `listener.stop()` is true.
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
                lost = _take_lease(cell, directory, leases, listener)
            except OthersError as error:
                if listener.stop():
                    raise Interrupted from None
                listener.ended(cell, folders.under_way(folders.folder_of(directory, cell)), str(error))
                undone.append(cell.id)
                continue
            if not lost:
                listener.ended(cell, folders.DONE, "")
                continue
            others = [other for other in cells[index + 1 :] if other not in seen]
            candidates = replica_group([cell, *other_seeds(cell, others, directory)], directory)
            plan, network = candidates.plan, None
            if plan is None:
                new = _new_plan(
                    cell, len(candidates.cells), directory, pools[data_of(cell)], device, given or {}, listener
                )
                if new is None:
                    undone.append(cell.id)
                    continue
                plan, network = new
            for one in candidates.cells[1 : plan.replicas]:
                with suppress(OthersError):
                    lost |= _take_lease(one, directory, leases, listener)
            group = replica_group(list(lost), directory)  # other processes may have computed some since
            seen.update(group.cells)
            undone += _run(group, directory, pools[data_of(cell)], plan, network, listener, lost, accept_code)
    return undone


def _take_lease(cell: Cell, directory: Path, leases: ExitStack, listener: Listener) -> dict[Cell, Lost]:
    """Leases the cell's folder until `leases` closes; empty if the cell is done. Raises OthersError if it is taken."""
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
    return {} if folders.is_done(folder) else {cell: lost}  # its former owner may have finished it just now


def _new_plan(
    cell: Cell, seeds: int, directory: Path, pool: Pool, device: str, given: dict[str, Any], listener: Listener
) -> tuple[Plan, Network] | None:
    """A plan for a new cell and its network; None if planning failed, and with it the cell.

    Raises Interrupted if `listener.stop()` is true between two plans; the cell is then queued again.
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
    group: ReplicaGroup,
    directory: Path,
    pool: Pool,
    plan: Plan,
    network: Network | None,
    listener: Listener,
    lost: Mapping[Cell, Lost],
    accept_code: bool,
) -> list[str]:
    """Trains a group; returns the ids of cells that are not done afterwards. network: of the first cell, if built."""
    places = [folders.folder_of(directory, cell) for cell in group.cells]
    plan = plan._replace(replicas=len(places))
    if len(places) > 1:
        _cut_back(places, group.start)
    runs, replicas = [], []
    with as_planned(plan):
        for cell, folder in zip(group.cells, places, strict=True):
            runs.append(one := CellRun(cell, folder, plan, group.start, listener, lost[cell]))
            try:
                assembly = one.begin(pool, accept_code, network if cell is group.cells[0] else None)
                replicas.append(begin_or_resume(assembly, folder, Watch(one.moment, one.ended), group.start))
            except Exception as error:
                one.ended(error)
        train(replicas, listener.stop)
    return [one.cell.id for one in runs if not one.done]


def other_seeds(cell: Cell, cells: Iterable[Cell], directory: Path) -> list[Cell]:
    """The cells that differ from `cell` only in the seed and are not done."""
    return [
        other
        for other in cells
        if other != cell
        and replace(other, seed=cell.seed) == cell
        and not folders.is_done(folders.folder_of(directory, other))
    ]


def replica_group(cells: Sequence[Cell], directory: Path) -> ReplicaGroup:
    """The group of the first cell and of all others that can begin or resume at the same meta-step."""
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
    resumes = any(checkpoints[index] for index in chosen)
    return ReplicaGroup([cells[index] for index in chosen], plans[0] if resumes else None, max(common))


def _cut_back(places: Iterable[Path], start: int) -> None:
    """Removes the checkpoints after `start`, whose meta-steps are repeated."""
    for folder in places:
        checkpoint.drop_after(folder / CHECKPOINTS, "step", start)


def _starts(checkpoints: set[int]) -> set[int]:
    """The meta-steps at which a cell may resume; 0 is one of them if no old checkpoint was removed."""
    return checkpoints if len(checkpoints) >= checkpoint.KEPT else checkpoints | {0}
