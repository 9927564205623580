"""Tasks in the forms that the training loops of torchmeta and learn2learn take."""

from collections.abc import Iterator
from itertools import count

import torch
from torch import Tensor

from fewshot_bench.basics.errors import BenchError
from fewshot_bench.training.tasks import Stream

Labelled = tuple[Tensor, Tensor]
"""Images and labels."""


def torchmeta_batches(tasks: Stream, batch_size: int, first: int = 0) -> Iterator[dict[str, Labelled]]:
    """Endless batches in the form of torchmeta's BatchMetaDataLoader: tasks `first`, first + 1, ... in order.

    Args:
        tasks: A stream of `training.tasks.streams`.
        batch_size: Tasks per batch.
        first: The index of the first task.

    Yields:
        Dicts: batch["train"] (support set) and batch["test"] (query set) are each images [batch_size, n, c, h, w] and
        labels [batch_size, n].
    """
    for start in count(first, batch_size):
        batch = tasks(start, start + batch_size)
        yield {"train": (batch.support.x, batch.support.y), "test": (batch.query.x, batch.query.y)}


class Taskset:
    """Tasks as a learn2learn taskset: `sample()` gives the next one, data [n, c, h, w] and labels [n].

    Support and query images are interleaved for the loop in learn2learn's examples (fast_adapt in
    examples/vision/maml_omniglot.py): the support set at even positions 0, 2, ... 2 (ways * shots - 1), the queries in
    between and after it. `taskset[i]` is task i, whatever was sampled before.
    """

    def __init__(self, tasks: Stream, first: int = 0) -> None:
        self._tasks = tasks
        self._indices = count(first)

    def __getitem__(self, index: int) -> Labelled:
        """Task `index`. Raises BenchError if there are fewer queries than support images."""
        task = self._tasks(index, index + 1)
        return interleaved((task.support.x[0], task.support.y[0]), (task.query.x[0], task.query.y[0]))

    def sample(self) -> Labelled:
        return self[next(self._indices)]


def interleaved(support: Labelled, query: Labelled) -> Labelled:
    """One batch of a task: support images at even positions while there are any, queries at all others.

    Raises BenchError if there are fewer queries than support images.
    """
    shots, queries = len(support[1]), len(query[1])
    if queries < shots:
        raise BenchError(
            f"learn2learn's loop takes every second image for support, so a task needs at least as many queries as "
            f"support images, {shots}; this one has {queries}. Raise `queries`."
        )
    images, labels = (
        torch.cat([torch.stack([of_support, of_query[:shots]], dim=1).flatten(0, 1), of_query[shots:]])
        for of_support, of_query in zip(support, query, strict=True)
    )
    return images, labels
