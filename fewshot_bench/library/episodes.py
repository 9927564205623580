"""One task of a dataset: a few classes, a few images of each to learn from (support) and to be asked about (query)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fewshot_bench.basics.errors import BenchError
from fewshot_bench.basics.names import unknown
from fewshot_bench.data.episodes import EpisodeShape, episode_key, sampler
from fewshot_bench.data.splits import PARTS, Part, read_split
from fewshot_bench.library.pictures import Row, png, sheet
from fewshot_bench.library.pools import DatasetPool


@dataclass(frozen=True, repr=False)
class Episode:
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
        return f"a task of {self.dataset}: {', '.join(self.support)}; {shots} shots and {queries} queries a class"


def sample_task(
    pool: DatasetPool,
    *,
    ways: int = 5,
    shots: int = 1,
    queries: int = 5,
    part: Part = "test",
    split: str = "",
    seed: int = 0,
    index: int = 0,
) -> Episode:
    """Task number `index` of a stream: always the same one, the one that cells of a grid meet there.

    part: "train", "val" or "test"; split: a class split of the dataset, its first where empty; seed: of the stream (in
    a cell's test: [evaluation] `seed`). Training tasks come as they are, without quarter turns. Raises BenchError where
    there are not so many classes or images.
    """
    known = pool.dataset
    classes = read_split(known.name, split or known.splits[0])
    if part not in PARTS:
        raise BenchError(unknown("part", part, PARTS))
    members = classes.indices(part, pool.pool)
    examples = pool.pool.images.shape[1]
    if ways > len(members):
        raise BenchError(f"{ways} ways: split {classes.name!r} of {known.name} has {len(members)} {part} classes.")
    if shots + queries > examples:
        raise BenchError(
            f"{shots} shots + {queries} queries are {shots + queries} images, but {known.name} has {examples} a class."
        )
    if min(ways, shots, queries) < 1 or index < 0:
        raise BenchError("a task has at least one way, one shot and one query, and its number is 0 or more.")
    shape = EpisodeShape(ways, shots, queries)
    key = episode_key(known.name, classes.name, part, shape, seed)
    found = sampler(pool.pool, members, shape, False, key)(np.array([index]))
    names = [pool.pool.classes[members[position]] for position in found.classes[0]]
    by_class = [images[0].reshape(ways, -1, *pool.pool.shape) for images in (found.support, found.query)]
    support, query = (dict(zip(names, images, strict=True)) for images in by_class)
    return Episode(known.name, support, query)
