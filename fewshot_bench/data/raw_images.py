"""Raw data of a dataset of one's own: the images of each class, in any form, and a function that decodes one of them.

A dataset's `find_raw` returns `raw_images(...)`; nothing else is needed to make its pool.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fewshot_bench.basics.errors import DataError
from fewshot_bench.basics.images import ImageShape
from fewshot_bench.data.pool import Pool, Progress, write_pool
from fewshot_bench.data.raw import Raw, opened_image

Source = TypeVar("Source")


def raw_images(
    classes: Mapping[str, Sequence[Source]],
    decode: Callable[[Source], NDArray[np.uint8]],
    where: Path,
    kind: str = "images by class",
    splits: Mapping[str, Mapping[str, Sequence[str]]] | None = None,
) -> Raw:
    """The raw data of a dataset, from the images of each class.

    Args:
        classes: Class name -> its images, each in the form that `decode` takes: a path, an array, a member of an
            archive, the seed of a drawing. Classes may have different numbers of images. Their order is kept.
        decode: The pixels of one image, uint8 [channels, height, width], the same shape for all. It is called once an
            image, in order, when the pool is made. `read_image` does it for files.
        where: The folder or file that holds the images, for messages and the pool's record.
        kind: What it is, in words.
        splits: Class splits that depend on the images: name -> part -> class names. The dataset then gives their sizes
            alone, `splits={name: SplitSizes(64, 16, 20)}`.

    Returns:
        What `find_raw` of a dataset returns. Nothing is decoded yet.

    Raises:
        DataError: If there is no class, or a class without images. While the pool is made: if `decode` fails or
            returns something else, with the class and the image.

    Examples:
        >>> ones = np.ones((1, 28, 28), np.uint8)
        >>> raw_images({"owl": [1, 2], "wren": [3]}, lambda level: level * ones, Path("birds")).kind
        'images by class'
    """
    names = sorted(classes)
    empty = [name for name in names if not len(classes[name])]
    if not names or empty:
        raise DataError(f"class {empty[0]!r} has no images in {where}." if names else f"there is no class in {where}.")

    def prepare(folder: Path, progress: Progress) -> Pool:
        counts = [len(classes[name]) for name in names]
        each = counts[0] if len(set(counts)) == 1 else counts
        first = _decoded(decode, classes[names[0]][0], names[0], 0, None)

        def fill(array: NDArray[np.uint8]) -> None:
            rows = ((name, index) for name in names for index in range(len(classes[name])))
            for row, (name, index) in enumerate(rows):
                array[row] = _decoded(decode, classes[name][index], name, index, first.shape)
                progress("decoding images", row + 1, len(array))

        record: dict[str, Any] = {"source": {"layout": kind, "path": str(where)}}
        record |= {"splits": {name: _plain(parts) for name, parts in splits.items()}} if splits else {}
        return write_pool(folder, names, each, ImageShape(*first.shape), fill, record)

    return Raw(kind, where, prepare)


def read_image(file: Path, shape: ImageShape) -> NDArray[np.uint8]:
    """An image file as uint8 [channels, height, width]: grey for 1 channel, else RGB; resized (bicubic).

    Transparent parts become white. Raises DataError if it does not decode, or has more than 8 bits a channel.

    Examples:
        >>> raw_images(files_by_class, partial(read_image, shape=ImageShape(3, 84, 84)), folder)
    """
    image = opened_image(str(file), file.read_bytes())
    if image.mode.startswith(("I", "F")):
        raise DataError(f"{file} has more than 8 bits a channel (mode {image.mode!r}). Save it with 8.")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    image = image.convert("RGB" if shape.channels == 3 else "L")
    if image.size != (shape.width, shape.height):
        image = image.resize((shape.width, shape.height))
    pixels = np.asarray(image)
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)


def _decoded(
    decode: Callable[[Source], NDArray[np.uint8]],
    source: Source,
    name: str,
    index: int,
    shape: tuple[int, ...] | None,
) -> NDArray[np.uint8]:
    """One image, checked. shape: of the first image; None if this is the first. Raises DataError."""
    which = f"image {index} of class {name!r}" + (f" ({source})" if isinstance(source, str | Path) else "")
    try:
        pixels = decode(source)
    except DataError:
        raise
    except Exception as error:  # a user's function may raise any error
        raise DataError(f"{which} cannot be decoded: {type(error).__name__}: {error}") from error
    if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8 or pixels.ndim != 3 or 0 in pixels.shape:
        made = f"{pixels.dtype} {list(pixels.shape)}" if isinstance(pixels, np.ndarray) else type(pixels).__name__
        raise DataError(f"{which} is decoded as {made}, but has to be uint8 [channels, height, width].")
    if shape is not None and pixels.shape != shape:
        raise DataError(f"{which} is {list(pixels.shape)}, but the first is {list(shape)}. Make all the same size.")
    return pixels


def _plain(parts: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    return {part: list(names) for part, names in parts.items()}
