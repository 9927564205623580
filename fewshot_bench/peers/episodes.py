"""Our tasks in the forms that the training loops of torchmeta and learn2learn take."""

from collections.abc import Iterator
from itertools import count

import torch
from torch import Tensor

from fewshot_bench.basics.errors import BenchError
from fewshot_bench.training.tasks import Stream

Labelled = tuple[Tensor, Tensor]
"""Images and labels."""


def torchmeta_batches(tasks: Stream, batch_size: int, first: int = 0) -> Iterator[dict[str, Labelled]]:
    """Batches without end, as torchmeta's BatchMetaDataLoader gives them: tasks `first`, first + 1, ... in order.

    batch["train"] (the support set) and batch["test"] (the queries) are each images [batch_size, n, c, h, w] and
    labels [batch_size, n].
    """
    for start in count(first, batch_size):
        batch = tasks(start, start + batch_size)
        yield {"train": (batch.support.x, batch.support.y), "test": (batch.query.x, batch.query.y)}


class Taskset:
    """Tasks as a learn2learn taskset: `sample()` is the next one, data [n, c, h, w] and labels [n].

    Support and query images are interleaved for the loop in learn2learn's examples (fast_adapt in
    examples/vision/maml_omniglot.py): at even positions 0, 2, ... 2 (ways * shots - 1) the support set, in between and
    after it the queries. `taskset[i]` is task i. What `sample` gives is the only thing that changes with use.
    """

    def __init__(self, tasks: Stream, first: int = 0) -> None:
        self._tasks = tasks
        self._indices = count(first)

    def __getitem__(self, index: int) -> Labelled:
        """Task `index`. Raises BenchError where there are fewer queries than support images."""
        task = self._tasks(index, index + 1)
        return interleaved((task.support.x[0], task.support.y[0]), (task.query.x[0], task.query.y[0]))

    def sample(self) -> Labelled:
        return self[next(self._indices)]


def interleaved(support: Labelled, query: Labelled) -> Labelled:
    """One batch of a task: support images at even positions as long as there are any, queries everywhere else.

    Raises BenchError where queries are fewer than support images: they would not fill the places in between.
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
