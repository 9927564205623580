"""One task of a dataset: a few classes, a few images of each to learn from (support) and to be asked about (query)."""

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
    """Images by class name, uint8 [images, channels, height, width]; a notebook shows them as a picture."""

    dataset: str
    support: dict[str, NDArray[np.uint8]]
    query: dict[str, NDArray[np.uint8]]

    def picture(self) -> Image.Image:
        """Support and query side by side, a line a class."""
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
    """Task number `index` of a stream: always the same one, the one that cells of a grid meet there.

    pool: from open_pool; or from peers.pools.pool_of, which has no class splits, so all its classes are drawn from.
    part: "train", "val" or "test", which is the default; split: a class split of the dataset, the first if empty;
    seed: of the stream (in a cell's test: [evaluation] `seed`). Training tasks are not rotated by quarter turns.
    Raises BenchError if there are too few classes or images.
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
