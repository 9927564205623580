"""The simplest engine: the cells of a grid, one after another, in this process."""

import time
import traceback
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import torch
from filelock import FileLock, Timeout

from fewshot_bench.basics.errors import BenchError
from fewshot_bench.basics.files import sweep
from fewshot_bench.data.datasets import DATASETS
from fewshot_bench.data.pool import Pool
from fewshot_bench.grid import ledger
from fewshot_bench.training.assembly import assemble, count_weights
from fewshot_bench.training.cell import CHECKPOINTS, Interrupted, Moment, run
from fewshot_bench.training.environment import environment
from fewshot_bench.training.plan import Plan, choose, find_device, recorded
from fewshot_bench.training.settings import Cell

SECONDS_BETWEEN_STATUS = 10.0


class Listener(NamedTuple):
    """Who follows a grid: moment(cell, moment) at every meta-step; ended(cell, status, reason) when a cell ends."""

    moment: Callable[[Cell, Moment], None]
    ended: Callable[[Cell, str, str], None]
    stop: Callable[[], bool]


def run_cells(
    cells: Iterable[Cell], directory: Path, pools: dict[str, Pool], device: str, listener: Listener
) -> list[str]:
    """Runs what is not done yet; returns the ids of cells that are not done then: failed, or in other hands.

    Raises Interrupted where `listener` says stop.
    """
    threads, undone = torch.get_num_threads(), []
    for cell in cells:
        if listener.stop():
            raise Interrupted
        folder = ledger.folder_of(directory, cell)
        if ledger.is_done(folder):
            listener.ended(cell, ledger.DONE, "")
            continue
        try:
            with FileLock(folder / ledger.LOCK, timeout=0):
                new = choose(device, threads, DATASETS[cell.dataset].shape, count_weights(cell))
                if not _run(cell, folder, pools[cell.dataset], new, listener):
                    undone.append(cell.id)
        except Timeout:
            listener.ended(cell, ledger.RUNNING, "another process is running it")
            undone.append(cell.id)
    return undone


def _run(cell: Cell, folder: Path, pool: Pool, new: Plan, listener: Listener) -> bool:
    """Runs one cell, by the plan it began with or else by `new`, and records what became of it; True if it is done."""
    before = ledger.status(folder) if any((folder / CHECKPOINTS).glob("step-*")) else {}
    plan = recorded(before) or new
    begun, marked = time.monotonic(), 0.0
    iterations, spent = ledger.spent(folder)

    def watch(moment: Moment) -> bool:
        nonlocal iterations, marked
        iterations = moment.iteration
        listener.moment(cell, moment)
        if time.monotonic() - marked > SECONDS_BETWEEN_STATUS:
            ledger.mark(folder, ledger.RUNNING, **so_far())
            marked = time.monotonic()
        return listener.stop()

    def so_far() -> dict[str, float]:
        return {"iterations": iterations, "seconds": round(spent + time.monotonic() - begun, 3)}

    try:
        find_device(plan.device)  # a cell goes on where it began, and says so where that is no more
        sweep(folder)
        sweep(folder / CHECKPOINTS)
        _check_same_images(before, pool)
        facts = {
            "plan": plan._asdict(),
            "environment": environment(plan.device),
            "pool_hash": pool.manifest["pool_hash"],
        }
        ledger.mark(folder, ledger.RUNNING, **facts, started=_now())
        ledger.log(folder, f"{_now()} begun or resumed: {plan}")
        result = run(assemble(cell, pool, plan), folder, watch)
        iterations = result["iterations"]
        ledger.mark(folder, ledger.DONE, **so_far())
        ledger.log(folder, f"{_now()} done: test accuracy {result['test_accuracy']:.4f}")
        listener.ended(cell, ledger.DONE, "")
        return True
    except Interrupted:
        ledger.mark(folder, ledger.QUEUED, **so_far(), reason="interrupted; the same command goes on")
        ledger.log(folder, f"{_now()} interrupted at meta-step {iterations}")
        raise
    except Exception as error:  # a cell's fault is a row in the table; the other cells go on
        reason = _reason(error)
        _try_to_record(folder, reason, so_far())
        listener.ended(cell, ledger.FAILED, reason)
        return False


def _check_same_images(before: dict[str, Any], pool: Pool) -> None:
    """Raises BenchError where a cell was begun with another preparation of its dataset."""
    began_with, now = before.get("pool_hash"), pool.manifest["pool_hash"]
    if began_with not in (None, now):
        raise BenchError(
            f"begun with the images {str(began_with)[:8]}, but the pool now holds {now[:8]}. Bring those back, or move "
            "the cell's folder away to train it anew."
        )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _reason(error: Exception) -> str:
    if isinstance(error, BenchError):
        return str(error)
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return (
            f"out of memory: {str(error).splitlines()[0] if str(error) else ''} Lower tasks_per_batch or inner_steps."
        )
    return f"{type(error).__name__}: {error}".splitlines()[0]


def _try_to_record(folder: Path, reason: str, facts: dict[str, float]) -> None:
    """Says on disk why a cell failed, unless the disk is what failed."""
    try:
        ledger.log(folder, f"{_now()} failed\n{traceback.format_exc()}")
        ledger.mark(folder, ledger.FAILED, reason=reason, **facts)
    except (BenchError, OSError):
        return
