"""The engine for many machines: cells as Ray tasks, one fresh process each; the folder of results stays the truth.

The driver hands out no more cells than the cluster has room for, so that nodes that join are used and an interruption
leaves nothing behind. How far cells are it reads from their folders, like anybody else. If it goes away, its cells end
with it at their last checkpoints; the same command goes on.
"""

import time
import uuid
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from fewshot_bench.basics.lease import DURATION, holder
from fewshot_bench.cells import folders
from fewshot_bench.cells.cell import Cell
from fewshot_bench.grid.attempt import Listener, fail
from fewshot_bench.grid.ray_cluster import SECONDS_BETWEEN_LOOKS, Share, connected
from fewshot_bench.grid.run import Engine, Job, run
from fewshot_bench.training.replica import Interrupted, Moment

SHARE = Share()


class Work(NamedTuple):
    """What a process is told. device: as given, "auto" being what its machine has. stop: a file that says so."""

    cell: Cell
    directory: Path
    data_dir: Path
    device: str
    given: dict[str, Any]
    stop: Path
    accept_code: bool = False


def ray(share: Share = SHARE, address: str | None = None) -> Engine:
    """The engine on a Ray cluster. share: what a cell takes of a machine.

    address: of a running cluster, "auto" for the one that this machine is part of; None: this machine, for as long as
    the run takes. Running it raises BenchError if there is no Ray or no such cluster, or if no node can hold one cell.
    """
    return Engine(partial(_run, share=share, address=address), here=False)


def _run(job: Job, share: Share, address: str | None) -> list[str]:
    cells, directory, data_dir, _, device, given, listener, accept_code = job
    stop = directory.resolve() / f".stop-{uuid.uuid4().hex}"
    waiting = [cell for cell in dict.fromkeys(cells) if not folders.is_done(folders.folder_of(directory, cell))]
    with connected(address, share, work) as nodes:
        running: dict[Any, Cell] = {}
        try:
            while waiting or running:
                if listener.stop() and not stop.exists():
                    waiting.clear()
                    stop.touch()
                for cell in [waiting.pop(0) for _ in range(min(len(waiting), nodes.room(len(running))))]:
                    told = Work(cell, directory.resolve(), data_dir.resolve(), device, given, stop, accept_code)
                    running[nodes.begin(told)] = cell
                if not running:
                    time.sleep(SECONDS_BETWEEN_LOOKS)  # no node has room, or none is left
                for done in nodes.ended(list(running)):
                    cell = running.pop(done)
                    _tell(cell, directory, nodes.fault(done), listener)
                for cell in running.values():
                    _follow(cell, directory, listener)
            if stop.exists():
                raise Interrupted
        finally:
            stop.unlink(missing_ok=True)
    return [cell.id for cell in cells if not folders.is_done(folders.folder_of(directory, cell))]


def work(told: Work) -> None:
    """One cell to its end, in a process of its own. Raises what went wrong before the cell could begin.

    Where another process has it, that may be an earlier one of this task, on a machine that was lost from sight or is
    just dying: it waits as long as that one may seem alive.
    """
    folder = folders.folder_of(told.directory, told.cell)
    until = time.monotonic() + 3 * DURATION
    looked, asked = 0.0, False

    def stop() -> bool:
        nonlocal looked, asked
        if time.monotonic() - looked > SECONDS_BETWEEN_LOOKS:
            looked, asked = time.monotonic(), told.stop.exists()
        return asked

    def ignore(*unused: object) -> None:
        pass

    once = partial(
        run,
        [told.cell],
        told.directory,
        data_dir=told.data_dir,
        device=told.device,
        plan=told.given,
        listener=Listener(ignore, ignore, stop),
        accept_code=told.accept_code,
    )
    try:
        while once().undone:
            if holder(folder) is None or time.monotonic() > until:
                return
            time.sleep(SECONDS_BETWEEN_LOOKS)
    except Interrupted:  # written down, and the driver knows
        pass


def _tell(cell: Cell, directory: Path, fault: Exception | None, listener: Listener) -> None:
    """Says what became of a cell whose process has ended."""
    folder = folders.folder_of(directory, cell)
    said, has = folders.status(folder), holder(folder)
    if folders.is_done(folder):
        listener.ended(cell, folders.DONE, "")
    elif has is not None and has.alive:
        listener.ended(cell, folders.under_way(folder), f"another process is running it ({has.words})")
    elif fault is not None:
        fail(cell, folder, fault, listener)
    else:
        listener.ended(cell, str(said.get("status", folders.QUEUED)), str(said.get("reason", "")))


def _follow(cell: Cell, directory: Path, listener: Listener) -> None:
    """Tells how far a cell is, as its folder says."""
    folder = folders.folder_of(directory, cell)
    said = folders.status(folder)
    now = said.get("now") or {}
    if said.get("status") in folders.UNDER_WAY and "phase" in now:
        listener.moment(cell, Moment(now["phase"], folders.spent(folder)[0], now.get("loss"), now.get("accuracy")))
