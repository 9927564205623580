"""The run of one cell: it records progress and outcome in the cell's folder, and tells them to the listener."""

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
from fewshot_bench.cells.code import check_code, code_entries, source_of_cell
from fewshot_bench.data.pool import Pool
from fewshot_bench.training.assembly import Assembly, Network, assemble
from fewshot_bench.training.environment import environment
from fewshot_bench.training.plan import Plan, find_device
from fewshot_bench.training.programs.interpreted import summary
from fewshot_bench.training.replica import Interrupted, Moment

SECONDS_BETWEEN_STATUS = 10.0


class Listener(NamedTuple):
    """The callbacks of a run of many cells.

    moment(cell, moment): called at every meta-step. ended(cell, status, reason): called when a cell ends. stop():
    returns whether to stop. say(text): called with messages to the user.
    """

    moment: Callable[[Cell, Moment], None]
    ended: Callable[[Cell, str, str], None]
    stop: Callable[[], bool]
    say: Callable[[str], None] = lambda text: None


@dataclass
class CellRun:
    """The run of one cell by its plan. Its methods `moment` and `ended` form the cell's training.replica.Watch.

    start: meta-steps done at the checkpoint to resume from; None: the last checkpoint. lost: returns whether another
    process took the folder. iterations: meta-steps done. done: whether the cell has its result.
    """

    cell: Cell
    folder: Path
    plan: Plan
    start: int | None
    listener: Listener
    lost: Lost
    iterations: int = 0
    done: bool = False
    _started: float = field(default_factory=time.monotonic)
    _memory_before: int = field(default_factory=forget_peak)
    _seconds_before: float = 0.0
    _last_mark: float = 0.0
    _last_moment: Moment | None = None
    _interpreter: list[str] = field(default_factory=list)  # notes of traced programs on torch's interpreter

    def begin(self, pool: Pool, accept_code: bool, network: Network | None) -> Assembly:
        """Records the cell's plan, environment and code, and assembles the cell. Raises BenchError if it cannot resume.

        accept_code: resume even if the code was changed since the cell was begun. network: if it was built before.
        """
        before = status_if_begun(self.folder)
        recorded, self._seconds_before = folders.spent(self.folder)
        # The status of a killed cell is ahead of its checkpoint.
        self.iterations = recorded if self.start is None else self.start
        find_device(self.plan.device)  # a cell resumes on its first device, or fails with a sentence if that is gone
        if self.plan.device.startswith("cuda"):
            torch.cuda.reset_peak_memory_stats(self.plan.device)
        sweep(self.folder)
        sweep(self.folder / folders.CHECKPOINTS)
        _check_same_images(before, pool)
        source = source_of_cell(self.cell)
        check_code(before, source, accept_code)
        entries = {
            "plan": self.plan._asdict(),
            "environment": environment(self.plan.device, source.libraries),
            "pool_hash": _hash_of(pool),
            **code_entries(before, source, self.folder.parent.parent),
        }
        folders.mark(
            self.folder,
            folders.RUNNING,
            **entries,
            iterations=self.iterations,
            started=now(),
            now={"phase": "building"},
        )
        self.listener.moment(self.cell, Moment("building", self.iterations, None, None))
        folders.log(self.folder, f"{now()} begun or resumed: {self.plan}")
        return assemble(self.cell, pool, self.plan, network)._replace(note=self._interpreter.append)

    def moment(self, at: Moment) -> None:
        """Tells the listener and, every few seconds, the folder. Raises TakenOverError if another process took it."""
        if self.lost():
            raise TakenOverError
        if at.phase == "writing":
            return
        changed = self._last_moment is None or at.phase != self._last_moment.phase
        self.iterations, self._last_moment = at.iteration, at
        self.listener.moment(self.cell, at)
        if changed or time.monotonic() - self._last_mark > SECONDS_BETWEEN_STATUS:
            folders.mark(self.folder, folders.RUNNING, **self._progress())
            self._last_mark = time.monotonic()

    def ended(self, outcome: dict[str, Any] | Exception) -> None:
        """Records the end of the cell. outcome: the content of result.json, or the error that ended the cell early."""
        if isinstance(outcome, Exception):
            self._ended_early(outcome)
            return
        self.iterations = outcome["iterations"]
        try:
            folders.mark(self.folder, folders.DONE, **self._progress())
        except Exception as error:
            self._ended_early(error)
            return
        self.done = True
        folders.log(self.folder, f"{now()} done: test score {outcome['test_accuracy']:.4f}")
        self.listener.ended(self.cell, folders.DONE, "")

    def _ended_early(self, error: Exception) -> None:
        if isinstance(error, TakenOverError):
            self.listener.ended(self.cell, folders.under_way(self.folder), str(error))
        elif isinstance(error, Interrupted):
            requeue(self.folder, f"at meta-step {self.iterations}", **self._progress())
        else:  # a cell's fault is a row in the table; the other cells go on
            fail(self.cell, self.folder, error, self.listener, **self._progress())

    def _progress(self) -> dict[str, Any]:
        last = self._last_moment
        at = {} if last is None else {"phase": last.phase, "loss": last.loss, "accuracy": last.accuracy}
        seconds = round(self._seconds_before + time.monotonic() - self._started, 3)
        peak = _peak(self.plan.device, self._memory_before)
        entries = {"iterations": self.iterations, "seconds": seconds, "now": at, "peak_memory": peak}
        return entries | ({"interpreter": summary(self._interpreter)} if self._interpreter else {})


def requeue(folder: Path, where: str, **entries: Any) -> None:
    """Sets the status of an interrupted cell to "queued". where: the step at which it stopped, for the log."""
    with suppress(BenchError):  # the disk may be full; the checkpoints are on it
        folders.mark(folder, folders.QUEUED, **entries, reason="interrupted; the same command goes on")
    folders.log(folder, f"{now()} interrupted {where}")


def fail(cell: Cell, folder: Path, error: Exception, listener: Listener, **entries: Any) -> None:
    """Records that a cell failed, and why."""
    reason = _reason(error, begun=bool(status_if_begun(folder)))
    with suppress(BenchError, OSError):  # the disk itself may have failed
        folders.mark(folder, folders.FAILED, reason=reason, **entries)
    folders.log(folder, f"{now()} failed\n{''.join(traceback.format_exception(error))}")
    listener.ended(cell, folders.FAILED, reason)


def _peak(device: str, held: int) -> int | None:
    """Peak memory in bytes: of a GPU, or of this process above its memory before the cell. held: that memory."""
    if device.startswith("cuda"):
        return torch.cuda.max_memory_allocated(device)
    most = peak_bytes()
    return None if most is None else max(0, most - held)


def status_if_begun(folder: Path) -> dict[str, Any]:
    """The status.json of a cell that resumes from a checkpoint; {} for a cell that begins."""
    return folders.status(folder) if folders.has_checkpoint(folder) else {}


def _check_same_images(before: dict[str, Any], pool: Pool) -> None:
    """Raises BenchError if a cell was begun with another preparation of its dataset."""
    began_with, now = before.get("pool_hash"), _hash_of(pool)
    if began_with not in (None, now):
        raise BenchError(
            f"begun with the images {str(began_with)[:8]}, but the pool now holds {now[:8]}. Bring those back, or move "
            "the cell's folder away to train it anew."
        )


def _hash_of(pool: Pool) -> str:
    """The hash of a cell's images; of both pools if it is tested on another dataset."""
    return "+".join(each.manifest["pool_hash"] for each in (pool, pool.tested_on) if each is not None)


def now() -> str:
    """The current time, UTC, as text."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _reason(error: Exception, begun: bool) -> str:
    """The sentence for an error. begun: whether there is a checkpoint, so that the plan is fixed."""
    if out_of_memory(error) and not isinstance(error, NoRoomError):
        first = str(error).splitlines()[0] if str(error) else ""
        smaller = "a smaller training.tasks_per_batch or training.inner_steps by --set"
        return f"out of memory: {first} `retry` it with {smaller}{'' if begun else ', or --plan recompute=true'}."
    if isinstance(error, BenchError):
        return str(error)
    return f"{type(error).__name__}: {error}".splitlines()[0]
