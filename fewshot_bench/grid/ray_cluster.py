"""The functions of a Ray cluster that the engine needs: free room, processes for cells, and their errors."""

import logging
import os
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from fewshot_bench.basics.errors import BenchError

SECONDS_BETWEEN_LOOKS = 1.0
SECONDS_TO_ANSWER = 10.0
RETRIES = 4  # of a cell whose process or machine died


class Share(NamedTuple):
    """The CPUs and GPUs that a cell takes. If `gpus` is a fraction, several cells share a GPU."""

    cpus: float = 1.0
    gpus: float = 0.0


class Cluster(NamedTuple):
    """The functions of a connected cluster.

    room(running): how many more processes it can hold. begin(assignment): starts a process and returns its handle.
    ended(handles): waits a moment and returns the handles of processes that have ended. fault(handle): the error of an
    ended process, or None.
    """

    room: Callable[[int], int]
    begin: Callable[[Any], Any]
    ended: Callable[[list[Any]], list[Any]]
    fault: Callable[[Any], Exception | None]


@contextmanager
def connected(address: str | None, share: Share, work: Callable[[Any], None]) -> Iterator[Cluster]:
    """A cluster whose processes call `work`, within the block. Raises BenchError if there is no such cluster."""
    os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")  # else each worker gets its own environment
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault(
        "RAY_task_oom_retries", str(RETRIES)
    )  # by default a cell that is too large is retried for ever
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

        def ended(handles: list[Any]) -> list[Any]:
            return list(ray.wait(handles, timeout=SECONDS_BETWEEN_LOOKS)[0]) if handles else []

        def fault(handle: Any) -> Exception | None:
            try:
                ray.get(handle)
            except ray.exceptions.RayTaskError as error:
                cause = error.cause
                return cause if isinstance(cause, Exception) else error
            except ray.exceptions.OutOfMemoryError:
                return BenchError("its machine ran out of memory. Give a cell more of it, as by --cpus-per-cell 2.")
            except ray.exceptions.RayError as error:
                return BenchError(f"its process or machine died {RETRIES + 1} times: {str(error).splitlines()[0]}")
            return None

        yield Cluster(room, remote.remote, ended, fault)
    finally:
        ray.shutdown()


def _check_listening(address: str | None) -> None:
    """Raises BenchError if nothing listens at HOST:PORT; Ray itself would try for minutes."""
    host, _, port = (address or "").removeprefix("ray://").rpartition(":")
    if not host or not port.isdecimal():
        return
    try:
        socket.create_connection((host, int(port)), SECONDS_TO_ANSWER).close()
    except OSError as error:
        raise BenchError(f"no Ray cluster at {address!r}: {error.strerror or error}.") from error


def _check_room(nodes: Sequence[dict[str, Any]], share: Share) -> None:
    """Raises BenchError if no node can hold one cell."""
    if not any(_fits(node, share) for node in nodes):
        most = {key: max((node["Resources"].get(key, 0.0) for node in nodes), default=0.0) for key in ("CPU", "GPU")}
        raise BenchError(
            f"a cell takes {share.cpus:g} CPUs and {share.gpus:g} GPUs, but no node has more than {most['CPU']:g} and "
            f"{most['GPU']:g}. Lower --cpus-per-cell or --gpus-per-cell."
        )


def _fits(node: dict[str, Any], share: Share) -> int:
    """The number of cells that an idle node can hold."""
    if not node.get("Alive", False):
        return 0
    has = node["Resources"]
    counts = [int(has.get(key, 0.0) / each + 1e-9) for key, each in (("CPU", share.cpus), ("GPU", share.gpus)) if each]
    return min(counts, default=0)
