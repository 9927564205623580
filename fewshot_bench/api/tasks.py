"""One few-shot task as images: sampled from a pool, and drawn as a picture for notebooks."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from fewshot_bench.api.pools import DatasetPool
from fewshot_bench.basics.counting import counted
from fewshot_bench.basics.errors import BenchError
from fewshot_bench.basics.names import unknown
from fewshot_bench.data.glyph_faces import path_of
from fewshot_bench.data.pool import Pool
from fewshot_bench.data.splits import PARTS, Part, split_in
from fewshot_bench.data.tasks import TaskShape, sampler, task_key

PAPER, INK, EDGE = (255, 255, 255), (34, 38, 43), (214, 218, 222)
TEXT = 13  # pixels
GAP, BLOCK_GAP, MARGIN = 3, 16, 8  # pixels: between images, between blocks, around all
SIDE = 84  # pixels that smaller images are enlarged to, or nearly: by a whole factor, so that pixels stay square


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
        rows = [ImageRow(name, [images, self.query[name]]) for name, images in self.support.items()]
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
    members, fewest = source.members, int(source.pool.counts[source.members].min())
    if ways > len(members):
        there = counted(len(members), f"{source.part} class".strip())
        raise BenchError(f"{counted(ways, 'way')}: {source.words} {there}.")
    if shots + queries > fewest:
        raise BenchError(
            f"{counted(shots, 'shot')} + {counted(queries, 'query')} make {counted(shots + queries, 'image')}, but "
            f"{source.dataset} has {fewest} a class."
        )
    if min(ways, shots, queries) < 1 or index < 0:
        raise BenchError("a task has at least one way, one shot and one query, and its number is 0 or more.")
    shape = TaskShape(ways, shots, queries)
    key = task_key(source.dataset, source.split, source.part, shape, seed)
    sampled = sampler(source.pool, members, shape, False, key)(np.array([index]))
    names = [source.pool.classes[members[position]] for position in sampled.classes[0]]
    by_class = [images[0].reshape(ways, -1, *source.pool.shape) for images in (sampled.support, sampled.query)]
    support, query = (dict(zip(names, images, strict=True)) for images in by_class)
    return ImageTask(source.dataset, support, query)


class _Source(NamedTuple):
    """The classes that tasks are drawn from. members: their positions in pool.classes. words: begin a message."""

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
    name = split or next(iter(known.splits))
    if name not in known.splits:
        raise BenchError(unknown(f"split of {known.name}", name, known.splits))
    classes = split_in(known.splits, name, pool.pool)
    if part not in PARTS:
        raise BenchError(unknown("part", part, PARTS))
    words = f"split {classes.name!r} of {known.name} has"
    return _Source(pool.pool, known.name, classes.name, part, classes.indices(part, pool.pool), words)


class ImageRow(NamedTuple):
    """One row of a sheet. label: the class. blocks: groups of images, each uint8 [n, channels, height, width]."""

    label: str
    blocks: Sequence[NDArray[np.uint8]]


def sheet(headings: Sequence[str], rows: Sequence[ImageRow]) -> Image.Image:
    """A picture of images in rows, with labels at the left. headings: one per block. Rows may differ in length."""
    font = ImageFont.truetype(str(path_of("DejaVuSans")), TEXT)
    height, width = rows[0].blocks[0].shape[-2:]
    scale = max(1, SIDE // max(height, width))
    step_x, step_y = width * scale + GAP, height * scale + GAP
    longest = [max(len(row.blocks[index]) for row in rows) for index in range(len(headings))]
    left = MARGIN + int(max(font.getlength(row.label) for row in rows)) + MARGIN
    starts = [left]
    for heading, count in zip(headings, longest, strict=True):
        starts.append(starts[-1] + max(count * step_x, int(font.getlength(heading))) + BLOCK_GAP)
    top = MARGIN + TEXT + MARGIN
    size = starts[-1] - BLOCK_GAP + MARGIN, top + len(rows) * step_y + MARGIN
    picture = Image.new("RGB", size, PAPER)
    pen = ImageDraw.Draw(picture)
    for heading, x in zip(headings, starts, strict=False):
        pen.text((x, MARGIN), heading, fill=INK, font=font)
    for line, row in enumerate(rows):
        y = top + line * step_y
        pen.text((MARGIN, y + step_y // 2), row.label, fill=INK, font=font, anchor="lm")
        for block, x in zip(row.blocks, starts, strict=False):
            for place, pixels in enumerate(block):
                shown = as_image(pixels).resize((width * scale, height * scale), Image.Resampling.NEAREST)
                corner = x + place * step_x, y
                picture.paste(shown, corner)
                pen.rectangle((*corner, corner[0] + shown.width - 1, corner[1] + shown.height - 1), outline=EDGE)
    return picture


def as_image(pixels: NDArray[np.uint8]) -> Image.Image:
    """One image of a pool, uint8 [1 or 3, height, width], as a picture."""
    whole: NDArray[Any] = pixels[0] if len(pixels) == 1 else np.ascontiguousarray(pixels.transpose(1, 2, 0))
    return Image.fromarray(whole)


def png(picture: Image.Image) -> bytes:
    """The content of a PNG file of the picture, which a notebook shows."""
    content = io.BytesIO()
    picture.save(content, "PNG")
    return content.getvalue()
