"""Processes that work for one contender, and what they are asked."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from benchmarks.worker import Reply, Request, server

ROOT = Path(__file__).resolve().parents[1]


class Worker(NamedTuple):
    """ask: begins what a request asks for; hear: waits for the reply; stop: ends the process."""

    ask: Callable[[Request], None]
    hear: Callable[[], Reply]
    stop: Callable[[], None]


Start = Callable[[int], Worker]
"""Threads of its kernels -> a worker."""


def process(threads: int) -> Worker:
    """A fresh Python process."""
    counts = {name: str(threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
    words = [sys.executable, "-W", "ignore", "-m", "benchmarks.worker", str(threads)]
    child = subprocess.Popen(
        words,
        cwd=ROOT,
        env={**os.environ, **counts},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert child.stdin is not None and child.stdout is not None
    requests, replies = child.stdin, child.stdout

    def ask(request: Request) -> None:
        with contextlib.suppress(BrokenPipeError):  # `hear` tells how it ended
            requests.write(json.dumps(request) + "\n")
            requests.flush()

    def hear() -> Reply:
        line = replies.readline()
        return json.loads(line) if line else {"failed": f"its process ended with code {child.wait()}"}

    def stop() -> None:
        child.kill()
        child.wait()
        replies.close()
        with contextlib.suppress(BrokenPipeError):  # what it was not able to take any more
            requests.close()

    return Worker(ask, hear, stop)


def here(threads: int) -> Worker:
    """No process at all: requests are answered in this one. For tests."""
    serve, waiting = server(threads), []
    return Worker(lambda request: waiting.append(serve(request)), lambda: waiting.pop(0), lambda: None)
