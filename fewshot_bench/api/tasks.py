"""Sample one few-shot task: a few classes, with support images to learn from and query images to classify."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fewshot_bench.api.pictures import Row, png, sheet
from fewshot_bench.api.pools import DatasetPool
from fewshot_bench.basics.counting import counted
from fewshot_bench.basics.errors import BenchError
from fewshot_bench.basics.names import unknown
from fewshot_bench.data.pool import Pool
from fewshot_bench.data.splits import PARTS, Part, read_split
from fewshot_bench.data.tasks import TaskShape, sampler, task_key


@dataclass(frozen=True, repr=False)
class ImageTask:
    """One few-shot task. A notebook shows it as a picture.

    Attributes:
        dataset: The dataset's name.
        support: Class name -> images to learn from, uint8 [shots, channels, height, width].
        query: Class name -> images to classify, uint8 [queries, channels, height, width].
    """

    dataset: str
    support: dict[str, NDArray[np.uint8]]
    query: dict[str, NDArray[np.uint8]]

    def picture(self) -> Image.Image:
        """Support and query images side by side, one row per class."""
        rows = [Row(name, [images, self.query[name]]) for name, images in self.support.items()]
        return sheet(["support", "query"], rows)

    def _repr_png_(self) -> bytes:
        return png(self.picture())

    def __repr__(self) -> str:
        shots, queries = (len(next(iter(images.values()))) for images in (self.support, self.query))
        images = f"{counted(shots, 'shot')} and {counted(queries, 'query')} a class"
        return f"a task of {self.dataset}: {', '.join(self.support)}; {images}"


def sample_task(
    pool: DatasetPool | Pool,
    *,
    ways: int = 5,
    shots: int = 1,
    queries: int = 5,
    part: Part | None = None,
    split: str = "",
    seed: int = 0,
    index: int = 0,
) -> ImageTask:
    """Task number `index` of a stream of tasks. The same arguments always give the same task, as in a grid's cells.

    Args:
        pool: From `open_pool`, or from `peers.pools.pool_of`. The latter has no class splits, so tasks use all classes.
        ways: Classes in the task.
        shots: Support images per class.
        queries: Query images per class.
        part: "train", "val" or "test". None: "test".
        split: A class split of the dataset. Empty: its first.
        seed: Seed of the stream; in a cell's test this is `evaluation.seed`. Training tasks are not rotated here.
        index: The number of the task, from 0.

    Returns:
        Support and query images by class name.

    Raises:
        BenchError: If the pool has too few classes or images.

    Examples:
        >>> sample_task(open_pool("glyphs"), ways=3, shots=1, queries=4).query.popitem()[1].shape
        (4, 1, 28, 28)
    """
    source = _source(pool, part, split)
    members, images = source.members, source.pool.images
    if ways > len(members):
        there = counted(len(members), f"{source.part} class".strip())
        raise BenchError(f"{counted(ways, 'way')}: {source.words} {there}.")
    if shots + queries > images.shape[1]:
        raise BenchError(
            f"{counted(shots, 'shot')} + {counted(queries, 'query')} make {counted(shots + queries, 'image')}, but "
            f"{source.dataset} has {images.shape[1]} a class."
        )
    if min(ways, shots, queries) < 1 or index < 0:
        raise BenchError("a task has at least one way, one shot and one query, and its number is 0 or more.")
    shape = TaskShape(ways, shots, queries)
    key = task_key(source.dataset, source.split, source.part, shape, seed)
    found = sampler(source.pool, members, shape, False, key)(np.array([index]))
    names = [source.pool.classes[members[position]] for position in found.classes[0]]
    by_class = [images[0].reshape(ways, -1, *source.pool.shape) for images in (found.support, found.query)]
    support, query = (dict(zip(names, images, strict=True)) for images in by_class)
    return ImageTask(source.dataset, support, query)


class _Source(NamedTuple):
    """The classes that tasks are drawn from; members: their positions in pool.classes; words: for messages."""

    pool: Pool
    dataset: str
    split: str
    part: str
    members: NDArray[np.int64]
    words: str


def _source(pool: DatasetPool | Pool, part: Part | None, split: str) -> _Source:
    if isinstance(pool, Pool):
        if part is not None or split:
            raise BenchError(
                "a pool made by pool_of has no class splits. Leave out part and split; tasks use all classes."
            )
        return _Source(pool, "the pool", "", "available", np.arange(len(pool.classes)), "the pool has")
    if not isinstance(pool, DatasetPool):
        raise BenchError(f"the pool is a {type(pool).__name__}. Give what open_pool or pool_of returns.")
    known, part = pool.dataset, "test" if part is None else part
    classes = read_split(known.name, split or known.splits[0])
    if part not in PARTS:
        raise BenchError(unknown("part", part, PARTS))
    words = f"split {classes.name!r} of {known.name} has"
    return _Source(pool.pool, known.name, classes.name, part, classes.indices(part, pool.pool), words)
