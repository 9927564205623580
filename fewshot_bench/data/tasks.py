"""Tasks as a pure function of (dataset, split, ways, shots, queries, rotation policy, seed, index).

There is no sampler state: every learner meets the same tasks, resuming needs no replay, and a task is the same in any
batch. The classes and support images of task `index` do not depend on the number of queries. Their pixels come from a
bank: the pool itself, or a copy of a part's images with their quarter turns.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fewshot_bench.basics.seeds import below, distinct, seed_for
from fewshot_bench.data.pool import Pool


class Bank(NamedTuple):
    """The images that the tasks of a part are made of, as rows of one array.

    read(): the images, uint8 [rows, channels, height, width]. first: [classes], the first row of each class. counts:
    [classes], the rows of each class. turned: the distance in rows to the same image turned by one more quarter.
    """

    read: Callable[[], NDArray[np.uint8]]
    first: NDArray[np.int64]
    counts: NDArray[np.int64]
    turned: int


def bank_of(pool: Pool, members: NDArray[np.int64], rotations: bool) -> Bank:
    """The bank that takes the least memory: the pool, or a copy if there are rotations."""
    return copied(pool, members, rotations) if rotations else in_pool(pool, members)


def in_pool(pool: Pool, members: NDArray[np.int64]) -> Bank:
    """A bank of the classes `members` (positions in pool.classes) in the pool itself; nothing is copied or turned."""
    return Bank(lambda: pool.images, pool.starts[members], pool.counts[members], 0)


def copied(pool: Pool, members: NDArray[np.int64], rotations: bool) -> Bank:
    """A bank with a copy of these classes; with `rotations`, of their quarter turns too. Those need square images.

    Turning images while sampling would take most of the time; this takes four times the memory.
    """
    counts = pool.counts[members]
    ends = np.cumsum(counts)
    return Bank(partial(_copied, pool, members, 4 if rotations else 1), ends - counts, counts, int(ends[-1]))


def gathered(images: NDArray[np.uint8], rows: NDArray[np.int64]) -> NDArray[np.uint8]:
    """The images at rows [tasks, ways, per_class], class after class: [tasks, ways * per_class, c, h, w]."""
    tasks, ways, per_class = rows.shape
    chosen = images.reshape(len(images), -1).take(rows.reshape(-1), axis=0)  # faster than indexing
    return chosen.reshape(tasks, ways * per_class, *images.shape[1:])


def _copied(pool: Pool, members: NDArray[np.int64], turns: int) -> NDArray[np.uint8]:
    counts = pool.counts[members]
    copies = np.empty((turns, int(counts.sum()), *pool.shape), np.uint8)
    for end, count, member in zip(np.cumsum(counts), counts, members, strict=True):
        copies[0, end - count : end] = pool.of_class(member)  # all at once would take the memory twice
    for quarters in range(1, turns):
        copies[quarters] = np.rot90(copies[0], quarters, axes=(-2, -1))
    return copies.reshape(-1, *pool.shape)


_CLASS_SLOTS = np.uint64(1 << 20)  # counters a task may use; a class of it may use the next power
_EXAMPLE_SLOTS = np.uint64(1 << 10)


class TaskShape(NamedTuple):
    """Classes of a task (ways), and images per class in its support set (shots) and query set (queries)."""

    ways: int
    shots: int
    queries: int


class ChosenImages(NamedTuple):
    """Indices of the images of tasks: classes, quarter_turns [tasks, ways]; examples [tasks, ways, shots + queries]."""

    classes: NDArray[np.int64]
    examples: NDArray[np.int64]
    quarter_turns: NDArray[np.int64]


class TaskImages(NamedTuple):
    """uint8 images of a batch of tasks, class after class: support [tasks, ways * shots, c, h, w], query likewise.

    Labels are the same for all tasks: [0] * shots + [1] * shots + ... classes [tasks, ways]: the position in the
    sampler's `members` of each label.
    """

    support: NDArray[np.uint8]
    query: NDArray[np.uint8]
    classes: NDArray[np.int64]


def draw(
    key: str, indices: NDArray[np.int64], shape: TaskShape, counts: NDArray[np.int64], rotations: bool
) -> ChosenImages:
    """Choose images for the tasks `indices`: distinct classes per task, and distinct images per class.

    counts: [classes], the number of images of each class.

    So no query image is also a support image. With `rotations`, each class of a task is turned by k quarter turns
    (Santoro et al. 2016).
    """
    tasks = indices.astype(np.uint64) * _CLASS_SLOTS
    chosen = distinct(seed_for(key, "classes"), tasks, shape.ways, len(counts))
    slots = tasks[:, None] + np.arange(shape.ways, dtype=np.uint64) * _EXAMPLE_SLOTS
    images = distinct(seed_for(key, "examples"), slots, shape.shots + shape.queries, counts[chosen])
    turns = below(seed_for(key, "rotations"), slots, 4) if rotations else np.zeros_like(chosen)
    return ChosenImages(chosen, images, turns)


def rows(chosen: ChosenImages, bank: Bank) -> NDArray[np.int64]:
    """The rows of a bank that hold the images of tasks: [tasks, ways, shots + queries]."""
    start = bank.first[chosen.classes] + chosen.quarter_turns * bank.turned
    return start[..., None] + chosen.examples


def sampler(
    pool: Pool, members: NDArray[np.int64], shape: TaskShape, rotations: bool, key: str
) -> Callable[[NDArray[np.int64]], TaskImages]:
    """A function from task indices [n] to TaskImages of the pool's classes `members` (positions in pool.classes).

    key: names dataset, split, part and seed; see `task_key`.
    """
    bank = bank_of(pool, members, rotations)
    images = bank.read()

    def sample(indices: NDArray[np.int64]) -> TaskImages:
        chosen = draw(key, indices, shape, bank.counts, rotations)
        support, query = np.split(rows(chosen, bank), [shape.shots], axis=-1)
        return TaskImages(gathered(images, support), gathered(images, query), chosen.classes)

    return sample


def task_key(dataset: str, split: str, part: str, shape: TaskShape, seed: int) -> str:
    """The key that seeds a task stream. It leaves out queries and rotation, so that classes do not depend on them."""
    return f"{dataset}/{split}/{part}/{shape.ways}-way/seed {seed}"


def labels(ways: int, per_class: int) -> NDArray[np.int64]:
    """The labels of a task's support or query images, in their order."""
    return np.repeat(np.arange(ways), per_class)
