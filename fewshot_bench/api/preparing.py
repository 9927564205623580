"""Prepare your own images like those of a dataset: size, channels, dark strokes on white; and record what was done."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from fewshot_bench.api.opening import OneImage, array_of, is_one_image, opened
from fewshot_bench.basics.errors import BenchError
from fewshot_bench.basics.names import unknown
from fewshot_bench.data.datasets import dataset as known_dataset
from fewshot_bench.data.raw import character, photo
from fewshot_bench.data.walking import files_below

Images = OneImage | Sequence[OneImage]
"""One image or several. An array or tensor with four axes is several images. A folder is all files below it.

Hidden files, Thumbs.db and desktop.ini are ignored; every other file in a folder has to be an image.
"""

Strokes = Literal["auto", "dark", "light"]
"""What is ink in drawn characters. "auto": dark if the edge of the image is light, and the reverse."""

STROKES = get_args(Strokes)

ORIGINAL = 105  # pixels a side of Omniglot's drawings


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


def prepare_images(images: Images, dataset: str, *, strokes: Strokes = "auto") -> Prepared:
    """Prepare images as a network that was trained on `dataset` expects them.

    omniglot: padded to a square with the background, converted to grey, contrast stretched, dark strokes on white.
    Then 105 x 105 in black and white, and 28 x 28 by nearest neighbour, as the dataset itself. Strokes should be about
    a thirtieth of the side; thinner strokes break.

    glyphs: the same, but averaged to 28 x 28 in grey.

    mini-imagenet: RGB, resized to 84 x 84 by Pillow's bicubic filter, ignoring the aspect ratio, as in MAML++'s loader.

    Args:
        images: One or several PIL images, file paths, file contents, open files, arrays or tensors; or a folder. A
            uint8 array that has the dataset's own shape is used unchanged.
        dataset: "omniglot", "mini-imagenet" or "glyphs".
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
    known = known_dataset(dataset)
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
            prepared.append(_PREPARATIONS[dataset](name, opened(name, one), strokes))
    names = tuple(name for name, _ in several)
    return Prepared(np.stack([pixels for pixels, _ in prepared]), names, tuple(done for _, done in prepared))


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


def _photo(name: str, image: Image.Image, strokes: Strokes) -> tuple[NDArray[np.uint8], str]:
    """An image as `decode_photo` prepares it."""
    done = [] if image.mode == "RGB" else [f"from {image.mode} to RGB"]
    decoded = photo(name, image.convert("RGB"))
    if decoded.resize != "none":
        done.append(f"from {image.width} x {image.height} to 84 x 84, {decoded.resize}")
    return decoded.pixels, _in_words(done)


def _as_omniglot(name: str, image: Image.Image, strokes: Strokes) -> tuple[NDArray[np.uint8], str]:
    """An image made like one of the original drawings, then prepared as `decode_character` does."""
    drawn, done = _drawn(image, strokes)
    if drawn.size != (ORIGINAL, ORIGINAL):
        done.append(f"from {drawn.width} to {ORIGINAL} pixels a side")
        drawn = drawn.resize((ORIGINAL, ORIGINAL), _filter(drawn, ORIGINAL))
    if image.mode != "1":
        done.append("black and white")
    bits = drawn.point(lambda value: 255 * (value >= 128)).convert("1", dither=Image.Dither.NONE)
    decoded = character(name, bits)
    return decoded.pixels, _in_words([*done, f"28 x 28, {decoded.resize}"])


def _as_glyph(name: str, image: Image.Image, strokes: Strokes) -> tuple[NDArray[np.uint8], str]:
    drawn, done = _drawn(image, strokes)
    if drawn.size != (28, 28):
        done.append(f"from {drawn.width} to 28 pixels a side, averaged")
        drawn = drawn.resize((28, 28), _filter(drawn, 28))
    return np.asarray(drawn, dtype=np.uint8)[None], _in_words(done)


_PREPARATIONS: dict[str, Callable[[str, Image.Image, Strokes], tuple[NDArray[np.uint8], str]]] = {
    "omniglot": _as_omniglot,
    "mini-imagenet": _photo,
    "glyphs": _as_glyph,
}


def _drawn(image: Image.Image, strokes: Strokes) -> tuple[Image.Image, list[str]]:
    """A square in grey levels from 0 to 255 with dark strokes on white paper, and what was done for it."""
    done = [] if image.mode in ("1", "L") else [f"from {image.mode} to grey"]
    grey = image.convert("L")
    if grey.getextrema() != (0, 255):
        done.append("contrast stretched")
        grey = ImageOps.autocontrast(grey)
    paper = _paper(grey)
    if paper < 128 if strokes == "auto" else strokes == "light":
        done.append("inverted, so that strokes are dark")
        grey, paper = ImageOps.invert(grey), 255 - paper
    if grey.width != grey.height:
        done.append(f"{grey.width} x {grey.height} filled up to a square with what is at the edge")
        side = max(grey.size)
        grey = ImageOps.pad(grey, (side, side), Image.Resampling.NEAREST, color=paper)
    return grey, done


def _paper(grey: Image.Image) -> int:
    """The median grey level of the edge."""
    pixels = np.asarray(grey)
    return int(np.median(np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])))


def _filter(image: Image.Image, side: int) -> Image.Resampling:
    """The filter: averages if the image shrinks, bilinear if it grows."""
    return Image.Resampling.BOX if image.width > side else Image.Resampling.BILINEAR


def _in_words(done: Sequence[str]) -> str:
    return "; ".join(done) or "as it came"
