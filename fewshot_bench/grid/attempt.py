"""One cell, from its lock to its result: what becomes of it is recorded in its folder."""

import time
import traceback
from collections.abc import Callable, Generator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import torch

from fewshot_bench.basics.errors import BenchError
from fewshot_bench.basics.files import sweep
from fewshot_bench.basics.lease import Lost, TakenOverError
from fewshot_bench.basics.memory import NoRoomError, forget_peak, peak_bytes
from fewshot_bench.cells import folders
from fewshot_bench.cells.cell import Cell
from fewshot_bench.cells.code import check_code, facts, source_of_cell
from fewshot_bench.cells.folders import CHECKPOINTS
from fewshot_bench.data.pool import Pool
from fewshot_bench.training.assembly import assemble
from fewshot_bench.training.cell import Answer, Interrupted, Moment, Wanted, run
from fewshot_bench.training.environment import environment
from fewshot_bench.training.out_of_memory import out_of_memory
from fewshot_bench.training.plan import Plan, find_device

SECONDS_BETWEEN_STATUS = 10.0


class Listener(NamedTuple):
    """Who follows a grid: moment(cell, moment) at every meta-step; ended(cell, status, reason) when a cell ends;
    stop() says whether to stop; say(text) tells what else a reader should know.
    """

    moment: Callable[[Cell, Moment], None]
    ended: Callable[[Cell, str, str], None]
    stop: Callable[[], bool]
    say: Callable[[str], None] = lambda text: None


def attempt(
    cell: Cell,
    folder: Path,
    pool: Pool,
    plan: Plan,
    start: int | None,
    listener: Listener,
    lost: Lost,
    accept_code: bool = False,
) -> Generator[Wanted, Answer, bool]:
    """Runs one cell by its plan and records what becomes of it; returns whether it is done.

    start: see training.cell.run. lost: whether another process took the folder. accept_code: go on even if the code was
    changed since the cell was begun. Raises Interrupted where `listener` says stop.
    """
    before = began(folder)
    held = forget_peak()
    begun, marked = time.monotonic(), 0.0
    recorded, spent = folders.spent(folder)
    iterations = recorded if start is None else start  # a killed cell's status is ahead of its checkpoint
    last: Moment | None = None

    def watch(moment: Moment) -> bool:
        nonlocal iterations, marked, last
        if lost():
            raise TakenOverError
        if moment.phase == "writing":
            return False
        changed = last is None or moment.phase != last.phase
        iterations, last = moment.iteration, moment
        listener.moment(cell, moment)
        if changed or time.monotonic() - marked > SECONDS_BETWEEN_STATUS:
            folders.mark(folder, folders.RUNNING, **so_far())
            marked = time.monotonic()
        return listener.stop()

    def so_far() -> dict[str, Any]:
        now = {} if last is None else {"phase": last.phase, "loss": last.loss, "accuracy": last.accuracy}
        seconds = round(spent + time.monotonic() - begun, 3)
        return {"iterations": iterations, "seconds": seconds, "now": now, "peak_memory": _peak(plan.device, held)}

    try:
        find_device(plan.device)  # a cell goes on where it began, and says so where that is no more
        if plan.device.startswith("cuda"):
            torch.cuda.reset_peak_memory_stats(plan.device)
        sweep(folder)
        sweep(folder / CHECKPOINTS)
        _check_same_images(before, pool)
        source = source_of_cell(cell)
        check_code(before, source, accept_code)
        known = {
            "plan": plan._asdict(),
            "environment": environment(plan.device, source.libraries),
            "pool_hash": pool.manifest["pool_hash"],
        }
        known |= facts(before, source, folder.parent.parent)
        folders.mark(folder, folders.RUNNING, **known, iterations=iterations, started=now(), now={"phase": "building"})
        listener.moment(cell, Moment("building", iterations, None, None))
        folders.log(folder, f"{now()} begun or resumed: {plan}")
        result = yield from run(assemble(cell, pool, plan), folder, watch, start)
        iterations = result["iterations"]
        folders.mark(folder, folders.DONE, **so_far())
        folders.log(folder, f"{now()} done: test accuracy {result['test_accuracy']:.4f}")
        listener.ended(cell, folders.DONE, "")
        return True
    except TakenOverError as error:
        listener.ended(cell, folders.under_way(folder), str(error))
        return False
    except Interrupted:
        requeue(folder, f"at meta-step {iterations}", **so_far())
        raise
    except Exception as error:  # a cell's fault is a row in the table; the other cells go on
        fail(cell, folder, error, listener, **so_far())
        return False


def requeue(folder: Path, where: str, **facts: Any) -> None:
    """Puts an interrupted cell back into the queue. where: at which step, for the log."""
    with suppress(BenchError):  # the disk may be full; all that counts is on it
        folders.mark(folder, folders.QUEUED, **facts, reason="interrupted; the same command goes on")
    folders.log(folder, f"{now()} interrupted {where}")


def fail(cell: Cell, folder: Path, error: Exception, listener: Listener, **facts: Any) -> None:
    """Records that a cell failed, and why."""
    reason = _reason(error, begun=bool(began(folder)))
    with suppress(BenchError, OSError):  # the disk may be what failed
        folders.mark(folder, folders.FAILED, reason=reason, **facts)
    folders.log(folder, f"{now()} failed\n{''.join(traceback.format_exception(error))}")
    listener.ended(cell, folders.FAILED, reason)


def _peak(device: str, held: int) -> int | None:
    """Bytes: of the device's own memory, or of this process beyond what it held when the cell began."""
    if device.startswith("cuda"):
        return torch.cuda.max_memory_allocated(device)
    most = peak_bytes()
    return None if most is None else max(0, most - held)


def began(folder: Path) -> dict[str, Any]:
    """The status of a cell that has a checkpoint to go on from; {} for one that begins."""
    return folders.status(folder) if any((folder / CHECKPOINTS).glob("step-*")) else {}


def _check_same_images(before: dict[str, Any], pool: Pool) -> None:
    """Raises BenchError where a cell was begun with another preparation of its dataset."""
    began_with, now = before.get("pool_hash"), pool.manifest["pool_hash"]
    if began_with not in (None, now):
        raise BenchError(
            f"begun with the images {str(began_with)[:8]}, but the pool now holds {now[:8]}. Bring those back, or move "
            "the cell's folder away to train it anew."
        )


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _reason(error: Exception, begun: bool) -> str:
    """A sentence. begun: there is a checkpoint, and so a plan that does not change any more."""
    if out_of_memory(error) and not isinstance(error, NoRoomError):
        first = str(error).splitlines()[0] if str(error) else ""
        smaller = "a smaller training.tasks_per_batch or training.inner_steps by --set"
        return f"out of memory: {first} `retry` it with {smaller}{'' if begun else ', or --plan recompute=true'}."
    if isinstance(error, BenchError):
        return str(error)
    return f"{type(error).__name__}: {error}".splitlines()[0]
