"""Worker processes that compute the chunks of a batch: each computes every n-th chunk and writes into shared memory.

They are processes because a replay is some thousand short calls: threads would exchange Python's lock at each of them,
and be hardly faster than one thread. They are forked, so they have the recording without it being sent.
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

CAN_FORK = sys.platform == "linux"
"""Whether processes can be forked. On other systems the libraries below torch do not support it."""

Work = Callable[[int], None]
"""Computes the chunk with a given number, from shared inputs into shared results."""


class Worker(NamedTuple):
    """A forked process and the pipe to it."""

    process: multiprocessing.process.BaseProcess
    pipe: Connection


def shared_among(
    workers: int, program_for: Callable[[Any, Any], Program], at_once: int, shared: Any, tasks: Any
) -> Program:
    """A program for inputs of this shape that computes its chunks of `at_once` tasks in several processes.

    program_for(shared, chunk): the program of one chunk. Chunks of equal shape have the same program. It is called once
    before the processes are forked, so its preparation takes place once, in this process.
    """
    leaves, tree = tree_flatten((shared, tasks))
    inputs = shared_like(leaves)
    held, batch = tree_unflatten(inputs, tree)
    parts = chunks(batch, at_once)
    _copy_all(inputs, leaves)
    replays = [program_for(held, part) for part in parts]
    outcomes = {replay: replay(held, part) for replay, part in dict(zip(replays, parts, strict=True)).items()}
    count = len(tree_leaves(tasks)[0])
    results = tree_map(lambda leaf: _shared_batch(leaf, count, at_once), outcomes[replays[0]])
    places = chunks(results, at_once)

    def work(number: int) -> None:
        _copy_all(tree_leaves(places[number]), tree_leaves(replays[number](held, parts[number])))

    forked = fork(min(workers, len(parts)), work, len(parts))

    def run(shared: Any, tasks: Any) -> Any:
        _copy_all(inputs, tree.flatten_up_to((shared, tasks)))
        compute_all(forked, work, len(parts))
        return tree_map(torch.clone, results)

    weakref.finalize(run, shutdown, forked)
    return run


def _shared_batch(leaf: Tensor, count: int, at_once: int) -> Tensor:
    """Shared memory for the results of `count` tasks. leaf: the result of one task or of a chunk."""
    shape = leaf.shape if at_once == 1 else leaf.shape[1:]
    return torch.empty((count, *shape), dtype=leaf.dtype).share_memory_()


def _copy_all(places: Sequence[Tensor], values: Sequence[Tensor]) -> None:
    for place, value in zip(places, values, strict=True):
        place.copy_(value)


def shared_like(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Memory for tensors of these shapes, shared with processes that are forked later."""
    return [torch.empty(tensor.shape, dtype=tensor.dtype).share_memory_() for tensor in tensors]


def fork(count: int, work: Work, chunks: int) -> list[Worker]:
    """Forks `count` - 1 workers, numbered from 1. The caller is worker 0; see `compute_all`."""
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


def compute_all(workers: Sequence[Worker], work: Work, chunks: int) -> None:
    """Computes all chunks once. Raises BenchError if a worker has died, and any error of `work` in any process."""
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
    """Kills the workers."""
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
