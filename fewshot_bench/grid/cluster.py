"""The engine for many machines: cells as Ray tasks, one fresh process each; the folder of results stays the truth.

The driver hands out no more cells than the cluster has room for, so that nodes that join are used and an interruption
leaves nothing behind. How far cells are it reads from their folders, like anybody else. If it goes away, its cells end
with it at their last checkpoints; the same command goes on.
"""

import logging
import os
import socket
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from fewshot_bench.basics.errors import BenchError
from fewshot_bench.basics.lease import DURATION, holder
from fewshot_bench.data.datasets import open_pool
from fewshot_bench.grid import ledger
from fewshot_bench.grid.attempt import Listener, fail
from fewshot_bench.grid.inline import run_cells as run_here
from fewshot_bench.training.cell import Interrupted, Moment
from fewshot_bench.training.plan import find_device
from fewshot_bench.training.settings import Cell

SECONDS_BETWEEN_LOOKS = 1.0
SECONDS_TO_ANSWER = 10.0
RETRIES = 4  # of a cell whose process or machine died


class Share(NamedTuple):
    """What a cell takes of a machine; several cells share a GPU where `gpus` is a fraction."""

    cpus: float = 1.0
    gpus: float = 0.0


class Work(NamedTuple):
    """What a process is told. device: as given, "auto" being what its machine has. stop: a file that says so."""

    cell: Cell
    directory: Path
    data_dir: Path
    device: str
    given: dict[str, Any]
    stop: Path


def run_cells(
    cells: Sequence[Cell],
    directory: Path,
    data_dir: Path,
    device: str,
    listener: Listener,
    given: dict[str, Any],
    share: Share,
    address: str | None,
) -> list[str]:
    """Runs what is not done yet; returns the ids of cells that are not done then: failed, or in other hands.

    address: of a running cluster, "auto" for the one that this machine is part of; None: this machine, for as long as
    this takes. Raises Interrupted where `listener` says stop, BenchError where there is no Ray or no such cluster, or
    where no node of it can hold one cell.
    """
    stop = directory.resolve() / f".stop-{uuid.uuid4().hex}"
    waiting = [cell for cell in dict.fromkeys(cells) if not ledger.is_done(ledger.folder_of(directory, cell))]
    with _connected(address, share) as start:
        running: dict[Any, Cell] = {}
        try:
            while waiting or running:
                if listener.stop() and not stop.exists():
                    waiting.clear()
                    stop.touch()
                for cell in [waiting.pop(0) for _ in range(min(len(waiting), start.room(len(running))))]:
                    work = Work(cell, directory.resolve(), data_dir.resolve(), device, given, stop)
                    running[start.begin(work)] = cell
                if not running:
                    time.sleep(SECONDS_BETWEEN_LOOKS)  # no node has room, or none is left
                for done in start.ended(list(running)):
                    cell = running.pop(done)
                    _tell(cell, directory, start.fault(done), listener)
                for cell in running.values():
                    _follow(cell, directory, listener)
            if stop.exists():
                raise Interrupted
        finally:
            stop.unlink(missing_ok=True)
    return [cell.id for cell in cells if not ledger.is_done(ledger.folder_of(directory, cell))]


class Starter(NamedTuple):
    """A cluster. room: for how many more cells beside so many; begin: a cell, returns its number; ended: those of them
    that have ended, after a moment; fault: what went wrong with one that ended, in its process or with it.
    """

    room: Callable[[int], int]
    begin: Callable[[Work], Any]
    ended: Callable[[list[Any]], list[Any]]
    fault: Callable[[Any], Exception | None]


def work(told: Work) -> None:
    """One cell to its end, in a process of its own. Raises what went wrong before the cell could begin.

    Where another process has it, that may be an earlier one of this task, on a machine that was lost from sight or is
    just dying: it waits as long as that one may seem alive.
    """
    folder = ledger.folder_of(told.directory, told.cell)
    until = time.monotonic() + 3 * DURATION
    looked, asked = 0.0, False

    def stop() -> bool:
        nonlocal looked, asked
        if time.monotonic() - looked > SECONDS_BETWEEN_LOOKS:
            looked, asked = time.monotonic(), told.stop.exists()
        return asked

    def ignore(*unused: object) -> None:
        pass

    pools = {told.cell.dataset: open_pool(told.cell.dataset, told.data_dir)}
    device, listener = find_device(told.device), Listener(ignore, ignore, stop)
    try:
        while run_here([told.cell], told.directory, pools, device, listener, told.given):
            if holder(folder) is None or time.monotonic() > until:
                return
            time.sleep(SECONDS_BETWEEN_LOOKS)
    except Interrupted:  # written down, and the driver knows
        pass


def _tell(cell: Cell, directory: Path, fault: Exception | None, listener: Listener) -> None:
    """Says what became of a cell whose process has ended."""
    folder = ledger.folder_of(directory, cell)
    said, has = ledger.status(folder), holder(folder)
    if ledger.is_done(folder):
        listener.ended(cell, ledger.DONE, "")
    elif has is not None and has.alive:
        listener.ended(cell, ledger.RUNNING, f"another process is running it ({has.words})")
    elif fault is not None:
        fail(cell, folder, fault, listener)
    else:
        listener.ended(cell, str(said.get("status", ledger.QUEUED)), str(said.get("reason", "")))


def _follow(cell: Cell, directory: Path, listener: Listener) -> None:
    """Tells how far a cell is, as its folder says."""
    folder = ledger.folder_of(directory, cell)
    said = ledger.status(folder)
    now = said.get("now") or {}
    if said.get("status") == ledger.RUNNING and "phase" in now:
        listener.moment(cell, Moment(now["phase"], ledger.spent(folder)[0], now.get("loss"), now.get("accuracy")))


@contextmanager
def _connected(address: str | None, share: Share) -> Iterator[Starter]:
    """A Ray cluster while the block lasts."""
    os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")  # else each worker gets an environment of its own
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_task_oom_retries", str(RETRIES))  # by default a cell too large is tried for ever
    try:
        import ray
    except ImportError as error:
        raise BenchError(
            "--engine ray needs Ray: uv sync --extra cluster, or pip install 'fewshot-bench[cluster]'."
        ) from error
    _check_listening(address)
    paths = os.pathsep.join(path for path in dict.fromkeys([str(Path.cwd()), *sys.path]) if path)
    try:
        ray.init(
            address=address,
            include_dashboard=None if address else False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            runtime_env={"env_vars": {"PYTHONPATH": paths}},
        )
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise BenchError(f"no Ray cluster at {address!r}: {str(error).splitlines()[0]}") from error
    try:
        _check_room(ray.nodes(), share)
        remote = ray.remote(num_cpus=share.cpus, num_gpus=share.gpus, max_calls=1, max_retries=RETRIES)(work)

        def room(running: int) -> int:
            return max(0, sum(_fits(node, share) for node in ray.nodes()) - running)

        def ended(numbers: list[Any]) -> list[Any]:
            return list(ray.wait(numbers, timeout=SECONDS_BETWEEN_LOOKS)[0]) if numbers else []

        def fault(number: Any) -> Exception | None:
            try:
                ray.get(number)
            except ray.exceptions.RayTaskError as error:
                cause = error.cause
                return cause if isinstance(cause, Exception) else error
            except ray.exceptions.OutOfMemoryError:
                return BenchError("its machine ran out of memory. Give a cell more of it, as by --cpus-per-cell 2.")
            except ray.exceptions.RayError as error:
                return BenchError(f"its process or machine died {RETRIES + 1} times: {str(error).splitlines()[0]}")
            return None

        yield Starter(room, remote.remote, ended, fault)
    finally:
        ray.shutdown()


def _check_listening(address: str | None) -> None:
    """Raises BenchError where nothing listens at HOST:PORT; Ray would try for minutes."""
    host, _, port = (address or "").removeprefix("ray://").rpartition(":")
    if not host or not port.isdecimal():
        return
    try:
        socket.create_connection((host, int(port)), SECONDS_TO_ANSWER).close()
    except OSError as error:
        raise BenchError(f"no Ray cluster at {address!r}: {error.strerror or error}.") from error


def _check_room(nodes: Sequence[dict[str, Any]], share: Share) -> None:
    """Raises BenchError where no node can hold one cell."""
    if not any(_fits(node, share) for node in nodes):
        most = {key: max((node["Resources"].get(key, 0.0) for node in nodes), default=0.0) for key in ("CPU", "GPU")}
        raise BenchError(
            f"a cell takes {share.cpus:g} CPUs and {share.gpus:g} GPUs, but no node has more than {most['CPU']:g} and "
            f"{most['GPU']:g}. Lower --cpus-per-cell or --gpus-per-cell."
        )


def _fits(node: dict[str, Any], share: Share) -> int:
    """How many cells an empty node holds."""
    if not node.get("Alive", False):
        return 0
    has = node["Resources"]
    counts = [int(has.get(key, 0.0) / each + 1e-9) for key, each in (("CPU", share.cpus), ("GPU", share.gpus)) if each]
    return min(counts, default=0)
