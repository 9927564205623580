"""Processes that share a batch of chunks: each takes every n-th and writes its results where all can read them.

Processes and not threads: a replay is some thousand short calls, and threads that hand Python's lock to each other at
each of them are hardly faster than one. They are forked, so they have the recording without it being sent.
"""

import multiprocessing
import os
import signal
import sys
import warnings
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from typing import NamedTuple

import torch
from torch import Tensor

from fewshot_bench.basics.errors import BenchError

SECONDS_BETWEEN_LOOKS = 5.0  # of an idle member for whether the one it works for is still there

POSSIBLE = sys.platform == "linux"
"""Elsewhere the libraries below torch do not stand forking."""

Work = Callable[[int], None]
"""Computes the chunk of a number, from shared inputs into shared results."""


class Member(NamedTuple):
    """A forked process, and the line to it."""

    process: multiprocessing.process.BaseProcess
    line: Connection


def shared_like(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Memory for such tensors that processes forked from here on have in common."""
    return [torch.empty(tensor.shape, dtype=tensor.dtype).share_memory_() for tensor in tensors]


def fork(count: int, work: Work, chunks: int) -> list[Member]:
    """`count` - 1 processes, for members 1, 2, ... of a team of `count`; the caller is member 0."""
    context = multiprocessing.get_context("fork")
    members = []
    for number in range(1, count):
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, work, range(number, chunks, count)), daemon=True)
        with warnings.catch_warnings(action="ignore"):  # of threads that a child would lack; it needs none
            process.start()
        theirs.close()
        members.append(Member(process, ours))
    return members


def together(members: Sequence[Member], work: Work, chunks: int) -> None:
    """All chunks, once. Raises BenchError where a member is gone, and whatever `work` raises in any of them."""
    try:
        for member in members:
            member.line.send(None)
        for chunk in range(0, chunks, len(members) + 1):
            work(chunk)
        errors = [member.line.recv() for member in members]
    except (EOFError, BrokenPipeError, ConnectionResetError):
        raise BenchError(
            "a worker process is gone; it may have been killed for want of memory. Run it with --plan workers=1."
        ) from None
    for error in errors:
        if error is not None:
            raise error


def dismiss(members: Sequence[Member]) -> None:
    for member in members:
        member.process.kill()
        member.process.join()


def _serve(line: Connection, work: Work, chunks: range) -> None:
    """A member's life: its chunks each time it is asked, until whom it works for is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C lets the meta-step finish
    torch.set_num_threads(1)
    employer = os.getppid()
    while True:
        while not line.poll(SECONDS_BETWEEN_LOOKS):
            if os.getppid() != employer:
                return
        try:
            line.recv()
        except EOFError:
            return
        error: Exception | None = None
        try:
            for chunk in chunks:
                work(chunk)
        except Exception as raised:
            error = BenchError(f"{type(raised).__name__}: {raised}")
        line.send(error)
