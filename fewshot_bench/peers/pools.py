"""A pool made of the classes of another library's dataset, so that its images meet every learner here."""

from collections.abc import Callable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewshot_bench.basics.counting import counted
from fewshot_bench.basics.errors import DataError
from fewshot_bench.basics.images import ImageShape
from fewshot_bench.data.pool import Pool, Progress, silent, write_pool
from fewshot_bench.peers.classes import Classes
from fewshot_bench.peers.pixels import bytes_of

ToBytes = Callable[[Any], NDArray[np.uint8]]
"""An image as the dataset gives it -> uint8 [channels, height, width]."""


def pool_of(
    classes: Classes,
    folder: Path,
    *,
    to_bytes: ToBytes = bytes_of,
    cut_to_smallest: bool = False,
    manifest: Mapping[str, Any] | None = None,
    progress: Progress = silent,
) -> Pool:
    """Writes the pool of `classes` into `folder`: classes by name, images in the order the dataset has them.

    cut_to_smallest: of each class, the first images alone, as many as the smallest class has; without, classes of
    different sizes are refused, since a pool is rectangular. manifest: what to record beside what every pool records.
    Raises DataError for that, for no classes at all, and for images that are no bytes or not all of one shape.
    """
    names = tuple(sorted(classes, key=str))
    if not names:
        raise DataError("a pool needs classes; the dataset has none.")
    unnamed = next((name for name in classes if not isinstance(name, str)), None)
    if unnamed is not None:
        raise DataError(
            f"a class is called {unnamed!r}; names of classes are strings. class_name() turns an integer into one."
        )
    examples = _examples(classes, cut_to_smallest)
    shape = ImageShape(*to_bytes(next(classes[names[0]].read())).shape)

    def fill(array: NDArray[np.uint8]) -> None:
        for row, name in enumerate(names):
            filled = 0
            for column, image in enumerate(islice(classes[name].read(), examples)):
                array[row, column] = _checked(to_bytes(image), shape, f"{name}/{column}")
                filled += 1
            if filled < examples:  # the others would be black
                said = counted(classes[name].size, "image")
                raise DataError(f"class {name} has {said} by its size, but yields {filled}.")
            progress("images of classes", row + 1, len(names))

    return write_pool(folder, names, examples, shape, fill, manifest or {})


def _examples(classes: Classes, cut_to_smallest: bool) -> int:
    smallest, largest = (which(classes, key=lambda name: classes[name].size) for which in (min, max))
    fewest, most = classes[smallest].size, classes[largest].size
    if fewest != most and not cut_to_smallest:
        raise DataError(
            f"classes differ in size: {smallest} has {counted(fewest, 'image')}, {largest} has {most}. Take as many of "
            "each as the smallest has (cut_to_smallest=True), or leave the small ones out."
        )
    return fewest


def _checked(pixels: NDArray[np.uint8], shape: ImageShape, which: str) -> NDArray[np.uint8]:
    if pixels.shape != shape:
        raise DataError(f"{which} has shape {pixels.shape}, the first image {tuple(shape)}. Resize them to one size.")
    return pixels
