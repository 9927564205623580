"""The images that the tasks of a part are made of: in the pool as they are, or copied, with their quarter turns."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fewshot_bench.data.pool import Pool


class Bank(NamedTuple):
    """Where images of classes are found, and how to get hold of all of them.

    read: images, uint8 [rows, channels, height, width]. first: [classes], the row at which a class begins; examples:
    its images, row after row; turned: how many rows later they come turned by one more quarter.
    """

    read: Callable[[], NDArray[np.uint8]]
    first: NDArray[np.int64]
    examples: int
    turned: int


def bank_of(pool: Pool, members: NDArray[np.int64], rotations: bool) -> Bank:
    """The bank that takes the least memory: the pool, or a copy where there are rotations."""
    return copied(pool, members, rotations) if rotations else in_pool(pool, members)


def in_pool(pool: Pool, members: NDArray[np.int64]) -> Bank:
    """The classes `members` (positions in pool.classes), not turned, in the pool itself: nothing is read or copied."""
    examples = pool.images.shape[1]
    return Bank(lambda: pool.images.reshape(-1, *pool.shape), members * examples, examples, 0)


def copied(pool: Pool, members: NDArray[np.int64], rotations: bool) -> Bank:
    """A copy of these classes alone, and with rotations of their quarter turns: images have to be square then.

    Turning an image when it is asked for would take most of the time; this takes four times the memory.
    """
    examples = pool.images.shape[1]
    first = np.arange(len(members)) * examples
    return Bank(partial(_copied, pool, members, 4 if rotations else 1), first, examples, len(members) * examples)


def gathered(images: NDArray[np.uint8], rows: NDArray[np.int64]) -> NDArray[np.uint8]:
    """The images at rows [tasks, ways, per_class], class after class: [tasks, ways * per_class, c, h, w]."""
    tasks, ways, per_class = rows.shape
    chosen = images.reshape(len(images), -1).take(rows.reshape(-1), axis=0)  # faster than indexing
    return chosen.reshape(tasks, ways * per_class, *images.shape[1:])


def _copied(pool: Pool, members: NDArray[np.int64], turns: int) -> NDArray[np.uint8]:
    copies = np.empty((turns, len(members), *pool.images.shape[1:]), np.uint8)
    for row, member in enumerate(members):  # all at once would take the memory twice
        copies[0, row] = pool.images[member]
    for quarters in range(1, turns):
        copies[quarters] = np.rot90(copies[0], quarters, axes=(-2, -1))
    return copies.reshape(-1, *pool.shape)
