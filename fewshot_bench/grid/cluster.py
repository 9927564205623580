"""The Ray engine, for one machine or a cluster: each cell is a Ray task in a fresh process.

The driver starts no more cells than the cluster has room for, so nodes that join later are used. It reads the progress
of cells from their folders. If the driver ends, its cells end at their last checkpoints, and the same command resumes
them.
"""

import time
import uuid
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from fewshot_bench.basics.lease import DURATION, holder
from fewshot_bench.cells import folders
from fewshot_bench.cells.cell import Cell
from fewshot_bench.grid.cell_run import Listener, fail
from fewshot_bench.grid.ray_cluster import SECONDS_BETWEEN_LOOKS, Share, connected
from fewshot_bench.grid.run import SILENT, Engine, RunJob, run
from fewshot_bench.training.replica import Interrupted, Moment

SHARE = Share()


class Assignment(NamedTuple):
    """The arguments of a process. device: "auto": that of its machine. stop: a file; the cell stops if it exists."""

    cell: Cell
    directory: Path
    data_dir: Path
    device: str
    given: dict[str, Any]
    stop: Path
    accept_code: bool = False


def ray(share: Share = SHARE, address: str | None = None) -> Engine:
    """The engine on a Ray cluster.

    Its `run` raises BenchError if Ray is not installed, if there is no such cluster, or if no node can hold one cell.

    Args:
        share: The CPUs and GPUs that a cell takes.
        address: Of a running cluster; "auto": the one that this machine is part of; None: this machine alone, for the
            time of the run.
    """
    return Engine(partial(_run, share=share, address=address), here=False)


def _run(job: RunJob, share: Share, address: str | None) -> list[str]:
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
                    assignment = Assignment(
                        cell, directory.resolve(), data_dir.resolve(), device, given, stop, accept_code
                    )
                    running[nodes.begin(assignment)] = cell
                if not running:
                    time.sleep(SECONDS_BETWEEN_LOOKS)  # no node has room, or none is left
                for done in nodes.ended(list(running)):
                    cell = running.pop(done)
                    _tell_end(cell, directory, nodes.fault(done), listener)
                for cell in running.values():
                    _tell_progress(cell, directory, listener)
            if stop.exists():
                raise Interrupted
        finally:
            stop.unlink(missing_ok=True)
    return [cell.id for cell in cells if not folders.is_done(folders.folder_of(directory, cell))]


def work(assignment: Assignment) -> None:
    """Computes one cell in a process of its own. Raises the errors that prevent the cell from beginning.

    If another process holds the cell, it may be an earlier one of this task, on a machine that was lost. So this
    process waits until the lease of a dead process would have expired.
    """
    folder = folders.folder_of(assignment.directory, assignment.cell)
    deadline = time.monotonic() + 3 * DURATION
    checked, stopping = 0.0, False

    def stop() -> bool:
        nonlocal checked, stopping
        if time.monotonic() - checked > SECONDS_BETWEEN_LOOKS:
            checked, stopping = time.monotonic(), assignment.stop.exists()
        return stopping

    run_cell = partial(
        run,
        [assignment.cell],
        assignment.directory,
        data_dir=assignment.data_dir,
        device=assignment.device,
        plan=assignment.given,
        listener=SILENT._replace(stop=stop),
        accept_code=assignment.accept_code,
    )
    try:
        while run_cell().undone:
            if holder(folder) is None or time.monotonic() > deadline:
                return
            time.sleep(SECONDS_BETWEEN_LOOKS)
            # `run` checks everything again, so not before the other process has gone or seems dead.
            while (other := holder(folder)) and other.alive and time.monotonic() <= deadline and not stop():
                time.sleep(SECONDS_BETWEEN_LOOKS)
    except Interrupted:  # it is recorded, and the driver knows
        pass


def _tell_end(cell: Cell, directory: Path, fault: Exception | None, listener: Listener) -> None:
    """Tells the listener the status of a cell whose process has ended."""
    folder = folders.folder_of(directory, cell)
    status, owner = folders.status(folder), holder(folder)
    if folders.is_done(folder):
        listener.ended(cell, folders.DONE, "")
    elif owner is not None and owner.alive:
        listener.ended(cell, folders.under_way(folder), f"another process is running it ({owner.words})")
    elif fault is not None:
        fail(cell, folder, fault, listener)
    else:
        listener.ended(cell, str(status.get("status", folders.QUEUED)), str(status.get("reason", "")))


def _tell_progress(cell: Cell, directory: Path, listener: Listener) -> None:
    """Tells the listener the progress of a cell, from its folder."""
    folder = folders.folder_of(directory, cell)
    status = folders.status(folder)
    now = status.get("now") or {}
    if status.get("status") in folders.UNDER_WAY and "phase" in now:
        listener.moment(cell, Moment(now["phase"], folders.spent(folder)[0], now.get("loss"), now.get("accuracy")))
