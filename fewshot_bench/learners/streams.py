"""Named streams of a task's random numbers: dropout masks of each pass, and the order of minibatches."""

from collections.abc import Callable, Mapping
from zlib import crc32

import torch
from torch import Tensor

from fewshot_bench.backbones.noise import Noise, permutation, split
from fewshot_bench.hypergradients.problem import Batch, Task

STREAMS: Mapping[str, Callable[[int], int]] = {
    "support": lambda step: 2 * step,
    "query": lambda step: 2 * step + 1,
    "batch": lambda step: step,
    "order": lambda step: (1 << 20) + step,
}
"""Name -> the number, by step, of the stream that a task's key splits into. Results depend on these numbers.

support, query: the pass over those images at inner step `step`. batch: the pass over a minibatch, or over all images of
the task; its numbers are also those of support and query, so a learner uses either. order: pass `step` over the support
set in minibatches.
"""

_OTHERS = 1 << 40  # above all numbers of STREAMS


def number(name: str, step: int = 0) -> int:
    """The number of a stream. A name that is not in STREAMS gets numbers from its hash."""
    return STREAMS[name](step) if name in STREAMS else (1 + crc32(name.encode())) * _OTHERS + step


def noise(task: Task, name: str, step: int = 0) -> Noise:
    """The noise of one pass through the network. Passes of the same name and step have the same masks."""
    return Noise(task.key, number(name, step))


def minibatch(support: Batch, key: Tensor, size: int, t: int) -> Batch:
    """Images t * size to (t + 1) * size - 1 of endless passes over the support set, each in a new random order.

    size: 0 means the whole support set. key: the task's. A batch may span two passes, as in
    openai/supervised-reptile (reptile.py, _mini_batches).
    """
    count = len(support.y)
    if size == 0:
        return support
    first, last = t * size, (t + 1) * size - 1
    passes = range(first // count, last // count + 1)
    order = torch.cat([permutation(split(key, number("order", number_of_pass)), count) for number_of_pass in passes])
    chosen = order[first - passes[0] * count : last + 1 - passes[0] * count]
    return Batch(support.x[chosen], support.y[chosen])
