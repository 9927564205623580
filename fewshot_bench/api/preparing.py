"""Prepare your own images like those of a dataset: size, channels, dark strokes on white; and record what was done."""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fewshot_bench.basics.errors import BenchError
from fewshot_bench.basics.names import unknown
from fewshot_bench.data.dataset import Dataset, Strokes
from fewshot_bench.data.datasets import dataset_named as known_dataset
from fewshot_bench.data.drawings import as_photo
from fewshot_bench.data.opening import OneImage, array_of, is_one_image, opened
from fewshot_bench.data.walking import files_below

Images = OneImage | Sequence[OneImage]
"""One image or several. An array or tensor with four axes is several images. A folder is all files below it.

Hidden files, Thumbs.db and desktop.ini are ignored; every other file in a folder has to be an image.
"""

STROKES = get_args(Strokes)


class Prepared(NamedTuple):
    """Prepared images.

    Attributes:
        pixels: uint8 [n, channels, height, width].
        names: File names, or numbers for images that have none.
        done: How each image was prepared, in words.
    """

    pixels: NDArray[np.uint8]
    names: tuple[str, ...]
    done: tuple[str, ...]


def prepare_images(images: Images, dataset: str | Dataset, *, strokes: Strokes = "auto") -> Prepared:
    """Prepare images as a network that was trained on `dataset` expects them.

    omniglot: padded to a square with the background, converted to grey, contrast stretched, dark strokes on white.
    Then 105 x 105 in black and white, and 28 x 28 by nearest neighbour, as the dataset itself. Strokes should be about
    a thirtieth of the side; thinner strokes break.

    glyphs: the same, but averaged to 28 x 28 in grey.

    Images that were imported: the largest centred square, resized by Pillow's bicubic filter, as at the import.

    mini-imagenet, and datasets that do not say otherwise: in the dataset's channels, resized by Pillow's bicubic
    filter, ignoring the aspect ratio, as in MAML++'s loader.

    Args:
        images: One or several PIL images, file paths, file contents, open files, arrays or tensors; or a folder. A
            uint8 array that has the dataset's own shape is used unchanged.
        dataset: Its name in a grid, or `open_pool(...).dataset`.
        strokes: What is ink in drawn characters: "dark", "light", or "auto" to decide by the edge of the image.

    Returns:
        The pixels, the names, and what was done to each image.

    Raises:
        BenchError: If something is not an image, or if there is none.

    Examples:
        >>> from PIL import Image
        >>> prepare_images(Image.new("RGB", (90, 60)), "mini-imagenet").pixels.shape
        (1, 3, 84, 84)
    """
    known = known_dataset(dataset) if isinstance(dataset, str) else dataset
    if strokes not in STROKES:
        raise BenchError(unknown("value of strokes", strokes, STROKES))
    several = _named(images)
    if not several:
        where = f" in {images!s}" if isinstance(images, str | os.PathLike) else ""
        raise BenchError(f"there is no image{where}. Give at least one.")
    prepared = []
    for name, one in several:
        array = array_of(one)
        if array is not None and array.dtype == np.uint8 and array.shape == known.shape:
            prepared.append((array, "as it came"))
        else:
            prepared.append(_as_its_own(known, name, opened(name, one), strokes))
    names = tuple(name for name, _ in several)
    return Prepared(np.stack([pixels for pixels, _ in prepared]), names, tuple(done for _, done in prepared))


def _as_its_own(known: Dataset, name: str, image: Image.Image, strokes: Strokes) -> tuple[NDArray[np.uint8], str]:
    return known.prepare(name, image, strokes) if known.prepare else as_photo(name, image, known.shape)


def _named(images: Images) -> list[tuple[str, OneImage]]:
    """(name, image) of each: the file name, or its number."""
    if isinstance(images, str | os.PathLike) and Path(images).is_dir():
        folder = Path(images)
        files = sorted(file for file in files_below(folder) if not _is_ignored(file.name))
        return [(file.relative_to(folder).as_posix(), file) for file in files]
    several: list[Any]
    if is_one_image(images):
        several = [images]
    elif isinstance(images, Mapping) or not isinstance(images, Iterable):
        raise BenchError(f"images are a {type(images).__name__}. Give a file, an array, a tensor or a list of such.")
    else:
        array = array_of(images)
        several = list(images if array is None else array)
    return [
        (Path(one).name if isinstance(one, str | os.PathLike) else str(number), one)
        for number, one in enumerate(several)
    ]


def _is_ignored(file: str) -> bool:
    return file.startswith(".") or file.lower() in ("thumbs.db", "desktop.ini")
