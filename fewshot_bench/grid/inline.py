"""The simplest engine: the cells of a grid, one after another, in this process."""

import time
import traceback
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import torch
from filelock import FileLock, Timeout

from fewshot_bench.basics.errors import BenchError
from fewshot_bench.data.datasets import DATASETS
from fewshot_bench.data.pool import Pool
from fewshot_bench.grid import ledger
from fewshot_bench.training.assembly import assemble
from fewshot_bench.training.cell import Interrupted, Moment, run
from fewshot_bench.training.environment import environment
from fewshot_bench.training.plan import choose, find_device, recorded
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
    """Runs what is not done yet; returns the ids of failed cells. Raises Interrupted where `listener` says stop."""
    failed = []
    for cell in cells:
        folder = ledger.folder_of(directory, cell)
        try:
            with FileLock(folder / ledger.LOCK, timeout=0):
                if not ledger.is_done(folder) and not _run(cell, folder, pools[cell.dataset], device, listener):
                    failed.append(cell.id)
        except Timeout:
            listener.ended(cell, ledger.RUNNING, "another process is running it")
    return failed


def _run(cell: Cell, folder: Path, pool: Pool, device: str, listener: Listener) -> bool:
    """Runs one cell and records what became of it; True where it is done."""
    before = ledger.status(folder)
    begun, spent, marked = time.monotonic(), float(before.get("seconds", 0.0)), 0.0
    iterations = int(before.get("iterations", 0))

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
        plan = recorded(before) or choose(device, DATASETS[cell.dataset].shape)
        find_device(plan.device)  # a cell goes on where it began, and says so where that is no more
        facts = {"plan": plan._asdict(), "environment": environment(plan.device)}
        ledger.mark(folder, ledger.RUNNING, **facts, started=_now())
        ledger.log(folder, f"{_now()} begun or resumed, on {plan.device}, {plan.threads} threads, {plan.layout}")
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
