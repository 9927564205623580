"""Worker processes that share a batch of chunks: each computes every n-th chunk and writes into shared memory.

Processes and not threads: a replay is some thousand short calls, and threads that hand Python's lock to each other at
each of them are hardly faster than one. They are forked, so they have the recording without it being sent.
"""

import multiprocessing
import os
import signal
import sys
import warnings
import weakref
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

import torch
from torch import Tensor

from fewshot_bench.basics.errors import BenchError
from fewshot_bench.hypergradients.batching import tree_flatten, tree_leaves, tree_map, tree_unflatten
from fewshot_bench.training.programs.base import Program, chunks

SECONDS_BETWEEN_LOOKS = 5.0  # an idle worker checks whether its parent process still lives

POSSIBLE = sys.platform == "linux"
"""Elsewhere the libraries below torch do not stand forking."""

Work = Callable[[int], None]
"""Computes the chunk of a number, from shared inputs into shared results."""


class Worker(NamedTuple):
    """A forked process and the pipe to it."""

    process: multiprocessing.process.BaseProcess
    pipe: Connection


def shared_among(workers: int, find: Callable[[Any, Any], Program], at_once: int, shared: Any, tasks: Any) -> Program:
    """A program for inputs of this shape, its chunks of `at_once` tasks shared among so many processes.

    find(shared, chunk): the program of one chunk. Chunks of one shape have one program, which is called once before the
    processes are forked: what it makes at its first call is then made once, and in this process.
    """
    leaves, tree = tree_flatten((shared, tasks))
    inputs = shared_like(leaves)
    held, batch = tree_unflatten(inputs, tree)
    parts = chunks(batch, at_once)
    _copy_all(inputs, leaves)
    replays = [find(held, part) for part in parts]
    outcomes = {replay: replay(held, part) for replay, part in dict(zip(replays, parts, strict=True)).items()}
    count = len(tree_leaves(tasks)[0])
    results = tree_map(lambda leaf: _shared_batch(leaf, count, at_once), outcomes[replays[0]])
    places = chunks(results, at_once)

    def work(number: int) -> None:
        _copy_all(tree_leaves(places[number]), tree_leaves(replays[number](held, parts[number])))

    forked = fork(min(workers, len(parts)), work, len(parts))

    def run(shared: Any, tasks: Any) -> Any:
        _copy_all(inputs, tree.flatten_up_to((shared, tasks)))
        together(forked, work, len(parts))
        return tree_map(torch.clone, results)

    weakref.finalize(run, shutdown, forked)
    return run


def _shared_batch(leaf: Tensor, count: int, at_once: int) -> Tensor:
    """Shared memory for the results of `count` tasks. leaf: that of one, or of a chunk."""
    shape = leaf.shape if at_once == 1 else leaf.shape[1:]
    return torch.empty((count, *shape), dtype=leaf.dtype).share_memory_()


def _copy_all(places: Sequence[Tensor], values: Sequence[Tensor]) -> None:
    for place, value in zip(places, values, strict=True):
        place.copy_(value)


def shared_like(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Memory for such tensors that processes forked from here on have in common."""
    return [torch.empty(tensor.shape, dtype=tensor.dtype).share_memory_() for tensor in tensors]


def fork(count: int, work: Work, chunks: int) -> list[Worker]:
    """Forks `count` - 1 workers, numbered from 1; the caller is worker 0 and computes its own chunks in `together`."""
    context = multiprocessing.get_context("fork")
    workers = []
    for number in range(1, count):
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, work, range(number, chunks, count)), daemon=True)
        with warnings.catch_warnings(action="ignore"):  # of threads that a child would lack; it needs none
            process.start()
        theirs.close()
        workers.append(Worker(process, ours))
    return workers


def together(workers: Sequence[Worker], work: Work, chunks: int) -> None:
    """Computes all chunks once. Raises BenchError if a worker is gone, and whatever `work` raises in any of them."""
    try:
        for worker in workers:
            worker.pipe.send(None)
        for chunk in range(0, chunks, len(workers) + 1):
            work(chunk)
        errors = [worker.pipe.recv() for worker in workers]
    except (EOFError, BrokenPipeError, ConnectionResetError):
        raise BenchError(
            "a worker process is gone; it may have been killed for want of memory. Run it with --plan workers=1."
        ) from None
    for error in errors:
        if error is not None:
            raise error


def shutdown(workers: Sequence[Worker]) -> None:
    for worker in workers:
        worker.process.kill()
        worker.process.join()


def _serve(pipe: Connection, work: Work, chunks: range) -> None:
    """Worker loop: computes the assigned chunks on request; ends when the parent process dies."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C lets the meta-step finish
    torch.set_num_threads(1)
    parent = os.getppid()
    while True:
        while not pipe.poll(SECONDS_BETWEEN_LOOKS):
            if os.getppid() != parent:
                return
        try:
            pipe.recv()
        except EOFError:
            return
        error: Exception | None = None
        try:
            for chunk in chunks:
                work(chunk)
        except Exception as raised:
            error = BenchError(f"{type(raised).__name__}: {raised}")
        pipe.send(error)
