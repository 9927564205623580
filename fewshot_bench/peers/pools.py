"""Pools from the classes of another library's dataset, for use with every learner here."""

from collections.abc import Callable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fewshot_bench.basics.counting import counted
from fewshot_bench.basics.errors import DataError
from fewshot_bench.basics.images import ImageShape
from fewshot_bench.data.pool import Pool, Progress, silent, write_pool
from fewshot_bench.peers.classes import Classes

_NEAR = 0.01  # of a byte's step: far above float32's rounding of byte / 255, far below what any normalisation leaves

ToBytes = Callable[[Any], NDArray[np.uint8]]
"""An image of the dataset, in its own form -> uint8 [channels, height, width]."""


def bytes_of(image: Any, top: float = 1.0) -> NDArray[np.uint8]:
    """An image as uint8 [channels, height, width].

    Args:
        image: A Pillow image in black and white, grey or RGB; or an array or tensor [h, w] or [c, h, w]. True is white,
            and an integer is a byte. Floats have to be multiples of `top` / 255.
        top: The float that is white: 1 after torchvision's ToTensor, 255 in learn2learn's MiniImagenet.

    Raises:
        DataError: For another mode or shape, and for numbers that are no bytes, as in a normalised image.
    """
    if isinstance(image, Image.Image):
        if image.mode not in ("1", "L", "RGB"):
            raise DataError(f"an image has mode {image.mode!r}; a pool takes '1', 'L' and 'RGB'. Convert it.")
        return bytes_of(np.asarray(image).transpose(2, 0, 1) if image.mode == "RGB" else np.asarray(image))
    array = np.asarray(image)
    if array.ndim == 2:
        array = array[None]
    if array.ndim != 3 or array.shape[0] not in (1, 3):
        raise DataError(f"an image has shape {array.shape}; a pool takes [h, w], [1, h, w] and [3, h, w].")
    white = {"b": 1.0, "f": top}.get(array.dtype.kind, 255.0)
    scaled = array.astype(np.float64) * (255 / white)
    rounded = scaled.round()
    if not (rounded.min() >= 0 and rounded.max() <= 255 and np.abs(scaled - rounded).max() < _NEAR):
        raise DataError(
            f"an image has values from {array.min():.4g} to {array.max():.4g}, which are not bytes where white is "
            f"{white:g}. Take the dataset without transforms that normalise, or say which value is white."
        )
    return rounded.astype(np.uint8)


def pool_of(
    classes: Classes,
    folder: Path,
    *,
    to_bytes: ToBytes = bytes_of,
    cut_to_smallest: bool = False,
    manifest: Mapping[str, Any] | None = None,
    progress: Progress = silent,
) -> Pool:
    """Write the pool of `classes` into `folder`: classes by name, images in the order of the dataset.

    Args:
        classes: Class name -> images, from `from_dataset`, `from_torchmeta` or `joined`.
        folder: The folder of the new pool.
        to_bytes: Converts an image to uint8 [channels, height, width].
        cut_to_smallest: Use only the first images of each class, as many as the smallest class has.
        manifest: Entries for the pool's manifest.
        progress: Called after each class.

    Returns:
        The pool, memory-mapped.

    Raises:
        DataError: If there are no classes, or if images are no bytes or differ in shape.
    """
    names = tuple(sorted(classes, key=str))
    if not names:
        raise DataError("a pool needs classes; the dataset has none.")
    unnamed = next((name for name in classes if not isinstance(name, str)), None)
    if unnamed is not None:
        raise DataError(
            f"a class is called {unnamed!r}; names of classes are strings. class_name() turns an integer into one."
        )
    smallest = min(held.size for held in classes.values())
    counts = [smallest if cut_to_smallest else classes[name].size for name in names]
    shape = ImageShape(*to_bytes(next(classes[names[0]].read())).shape)

    def fill(array: NDArray[np.uint8]) -> None:
        first = 0
        for row, (name, count) in enumerate(zip(names, counts, strict=True)):
            filled = 0
            for column, image in enumerate(islice(classes[name].read(), count)):
                array[first + column] = _checked(to_bytes(image), shape, f"{name}/{column}")
                filled += 1
            if filled < count:  # the others would be black
                claimed = counted(classes[name].size, "image")
                raise DataError(f"class {name} has {claimed} by its size, but yields {filled}.")
            first += count
            progress("images of classes", row + 1, len(names))

    examples = counts[0] if len(set(counts)) == 1 else counts
    return write_pool(folder, names, examples, shape, fill, manifest or {})


def _checked(pixels: NDArray[np.uint8], shape: ImageShape, which: str) -> NDArray[np.uint8]:
    if pixels.shape != shape:
        raise DataError(f"{which} has shape {pixels.shape}, the first image {tuple(shape)}. Resize them to one size.")
    return pixels
