"""One cell while it is computed: its folder says how far it is and what becomes of it, and the listener is told."""

import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import torch

from fewshot_bench.basics.errors import BenchError
from fewshot_bench.basics.files import sweep
from fewshot_bench.basics.lease import Lost, TakenOverError
from fewshot_bench.basics.memory import NoRoomError, forget_peak, out_of_memory, peak_bytes
from fewshot_bench.cells import folders
from fewshot_bench.cells.cell import Cell
from fewshot_bench.cells.code import check_code, facts, source_of_cell
from fewshot_bench.data.pool import Pool
from fewshot_bench.training.assembly import Assembly, Network, assemble
from fewshot_bench.training.environment import environment
from fewshot_bench.training.plan import Plan, find_device
from fewshot_bench.training.programs.interpreted import summary
from fewshot_bench.training.replica import Interrupted, Moment

SECONDS_BETWEEN_STATUS = 10.0


class Listener(NamedTuple):
    """Who follows a grid: moment(cell, moment) at every meta-step; ended(cell, status, reason) when a cell ends;
    stop() says whether to stop; say(text) tells what else a reader should know.
    """

    moment: Callable[[Cell, Moment], None]
    ended: Callable[[Cell, str, str], None]
    stop: Callable[[], bool]
    say: Callable[[str], None] = lambda text: None


@dataclass
class Attempt:
    """One cell being computed by its plan. `moment` and `ended` are its training.replica.Watch.

    start: meta-steps done at the checkpoint to go on from; None: the last one. lost: whether another process took the
    folder. iterations: meta-steps done so far. done: whether it has its result.
    """

    cell: Cell
    folder: Path
    plan: Plan
    start: int | None
    listener: Listener
    lost: Lost
    iterations: int = 0
    done: bool = False
    _begun: float = field(default_factory=time.monotonic)
    _held: int = field(default_factory=forget_peak)
    _spent: float = 0.0
    _marked: float = 0.0
    _last: Moment | None = None
    _interpreter: list[str] = field(default_factory=list)  # what each traced program says of torch's interpreter

    def begin(self, pool: Pool, accept_code: bool, network: Network | None) -> Assembly:
        """Records what the cell is computed with, and makes it. Raises BenchError if it cannot go on from where it is.

        accept_code: go on even if the code was changed since the cell was begun. network: if it was built before.
        """
        before = began(self.folder)
        recorded, self._spent = folders.spent(self.folder)
        self.iterations = recorded if self.start is None else self.start  # a killed cell's status is ahead of it
        find_device(self.plan.device)  # a cell goes on where it began, and says so if that device is gone
        if self.plan.device.startswith("cuda"):
            torch.cuda.reset_peak_memory_stats(self.plan.device)
        sweep(self.folder)
        sweep(self.folder / folders.CHECKPOINTS)
        _check_same_images(before, pool)
        source = source_of_cell(self.cell)
        check_code(before, source, accept_code)
        known = {
            "plan": self.plan._asdict(),
            "environment": environment(self.plan.device, source.libraries),
            "pool_hash": pool.manifest["pool_hash"],
            **facts(before, source, self.folder.parent.parent),
        }
        building = Moment("building", self.iterations, None, None)
        folders.mark(
            self.folder, folders.RUNNING, **known, iterations=self.iterations, started=now(), now={"phase": "building"}
        )
        self.listener.moment(self.cell, building)
        folders.log(self.folder, f"{now()} begun or resumed: {self.plan}")
        return assemble(self.cell, pool, self.plan, network)._replace(note=self._interpreter.append)

    def moment(self, at: Moment) -> None:
        """Tells the listener and, now and then, the folder. Raises TakenOverError if another process has the folder."""
        if self.lost():
            raise TakenOverError
        if at.phase == "writing":
            return
        changed = self._last is None or at.phase != self._last.phase
        self.iterations, self._last = at.iteration, at
        self.listener.moment(self.cell, at)
        if changed or time.monotonic() - self._marked > SECONDS_BETWEEN_STATUS:
            folders.mark(self.folder, folders.RUNNING, **self._so_far())
            self._marked = time.monotonic()

    def ended(self, outcome: dict[str, Any] | Exception) -> None:
        """Records what became of the cell. outcome: the content of result.json, or what ended the cell early."""
        if isinstance(outcome, Exception):
            self._ended_early(outcome)
            return
        self.iterations = outcome["iterations"]
        try:
            folders.mark(self.folder, folders.DONE, **self._so_far())
        except Exception as error:
            self._ended_early(error)
            return
        self.done = True
        folders.log(self.folder, f"{now()} done: test accuracy {outcome['test_accuracy']:.4f}")
        self.listener.ended(self.cell, folders.DONE, "")

    def _ended_early(self, error: Exception) -> None:
        if isinstance(error, TakenOverError):
            self.listener.ended(self.cell, folders.under_way(self.folder), str(error))
        elif isinstance(error, Interrupted):
            requeue(self.folder, f"at meta-step {self.iterations}", **self._so_far())
        else:  # a cell's fault is a row in the table; the other cells go on
            fail(self.cell, self.folder, error, self.listener, **self._so_far())

    def _so_far(self) -> dict[str, Any]:
        last = self._last
        at = {} if last is None else {"phase": last.phase, "loss": last.loss, "accuracy": last.accuracy}
        seconds = round(self._spent + time.monotonic() - self._begun, 3)
        peak = _peak(self.plan.device, self._held)
        found = {"iterations": self.iterations, "seconds": seconds, "now": at, "peak_memory": peak}
        return found | ({"interpreter": summary(self._interpreter)} if self._interpreter else {})


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
    return folders.status(folder) if folders.has_checkpoint(folder) else {}


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
