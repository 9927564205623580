"""Support images a few at a time, in an order of the task's own."""

import torch
from torch import Tensor

from fewshot_bench.backbones.noise import permutation, split
from fewshot_bench.hypergradients.problem import Batch

_ORDER = 1 << 20  # of the streams that a task's key splits into; dropout has the first ones


def minibatch(support: Batch, key: Tensor, size: int, t: int) -> Batch:
    """Images t * size to (t + 1) * size - 1 of an endless stream of passes over the support set, each shuffled anew.

    size: 0 stands for all of it at once. Batches reach over the end of a pass, as in openai/supervised-reptile
    (reptile.py, _mini_batches).
    """
    count = len(support.y)
    if size == 0:
        return support
    first, last = t * size, (t + 1) * size - 1
    passes = range(first // count, last // count + 1)
    order = torch.cat([permutation(split(key, _ORDER + number), count) for number in passes])
    chosen = order[first - passes[0] * count : last + 1 - passes[0] * count]
    return Batch(support.x[chosen], support.y[chosen])
