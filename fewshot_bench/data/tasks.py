"""TaskImages as a pure function of (dataset, split, ways, shots, queries, rotation policy, seed, index).

There is no sampler state: every learner meets the same tasks, resuming needs no replay, and a task is the same in any
batch. Classes and support images of task `index` do not depend on how many queries are asked for.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fewshot_bench.basics.seeds import seed_for
from fewshot_bench.data.banks import Bank, bank_of, gathered
from fewshot_bench.data.pool import Pool
from fewshot_bench.data.random import below, distinct

_CLASS_SLOTS = np.uint64(1 << 20)  # counters a task may use; a class of it may use the next power
_EXAMPLE_SLOTS = np.uint64(1 << 10)


class TaskShape(NamedTuple):
    """How many classes a task has (ways), and how many images of each are support (shots) and query (queries)."""

    ways: int
    shots: int
    queries: int


class ChosenImages(NamedTuple):
    """Which images tasks are made of: classes, quarter_turns [tasks, ways]; examples [tasks, ways, shots + queries]."""

    classes: NDArray[np.int64]
    examples: NDArray[np.int64]
    quarter_turns: NDArray[np.int64]


class TaskImages(NamedTuple):
    """uint8 images of a batch of tasks, class after class: support [tasks, ways * shots, c, h, w], query likewise.

    Labels are the same for all tasks: [0] * shots + [1] * shots + ...; classes [tasks, ways]: which of the sampler's
    members they stand for.
    """

    support: NDArray[np.uint8]
    query: NDArray[np.uint8]
    classes: NDArray[np.int64]


def draw(
    key: str, indices: NDArray[np.int64], shape: TaskShape, classes: int, examples: int, rotations: bool
) -> ChosenImages:
    """Chooses images for the tasks `indices`: distinct classes of a task, distinct images of a class (so no query is
    also support), and one rotation by k quarter turns a class and task (Santoro et al. 2016) where `rotations`.
    """
    tasks = indices.astype(np.uint64) * _CLASS_SLOTS
    chosen = distinct(seed_for(key, "classes"), tasks, shape.ways, classes)
    slots = tasks[:, None] + np.arange(shape.ways, dtype=np.uint64) * _EXAMPLE_SLOTS
    images = distinct(seed_for(key, "examples"), slots, shape.shots + shape.queries, examples)
    turns = below(seed_for(key, "rotations"), slots, 4) if rotations else np.zeros_like(chosen)
    return ChosenImages(chosen, images, turns)


def rows(chosen: ChosenImages, bank: Bank) -> NDArray[np.int64]:
    """Where in a bank the images of tasks are: [tasks, ways, shots + queries]."""
    start = bank.first[chosen.classes] + chosen.quarter_turns * bank.turned
    return start[..., None] + chosen.examples


def sampler(
    pool: Pool, members: NDArray[np.int64], shape: TaskShape, rotations: bool, key: str
) -> Callable[[NDArray[np.int64]], TaskImages]:
    """The function from task indices [n] to TaskImages of the pool's classes `members` (positions in pool.classes).

    key: names dataset, split, part and seed; see `task_key`.
    """
    bank = bank_of(pool, members, rotations)
    images = bank.read()

    def sample(indices: NDArray[np.int64]) -> TaskImages:
        chosen = draw(key, indices, shape, len(members), bank.examples, rotations)
        support, query = np.split(rows(chosen, bank), [shape.shots], axis=-1)
        return TaskImages(gathered(images, support), gathered(images, query), chosen.classes)

    return sample


def task_key(dataset: str, split: str, part: str, shape: TaskShape, seed: int) -> str:
    """What the randomness of a task stream depends on. Queries and rotation are left out: classes stay without them."""
    return f"{dataset}/{split}/{part}/{shape.ways}-way/seed {seed}"


def labels(ways: int, per_class: int) -> NDArray[np.int64]:
    """The labels of a task's support or query images, in their order."""
    return np.repeat(np.arange(ways), per_class)
