"""One's own images made like a dataset's: its size, its channels, its polarity; and what was done to them, in words."""

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
from fewshot_bench.data.decoding import character, photo
from fewshot_bench.data.walking import files_below

Images = OneImage | Sequence[OneImage]
"""One image or several; an array or tensor with four axes is several, and so is a folder: all files below it.

Hidden files in a folder are ignored, and so are Thumbs.db and desktop.ini; every other file has to be an image.
"""

Strokes = Literal["auto", "dark", "light"]
"""Of drawn characters: what is ink. "auto": whatever the edge of the image is not."""

STROKES = get_args(Strokes)

ORIGINAL = 105  # pixels a side of Omniglot's drawings


class Prepared(NamedTuple):
    """pixels: uint8 [n, channels, height, width]; names: of files, else numbers; done: to each image, in words."""

    pixels: NDArray[np.uint8]
    names: tuple[str, ...]
    done: tuple[str, ...]


def prepare_images(images: Images, dataset: str, *, strokes: Strokes = "auto") -> Prepared:
    """Images as a network that was trained on `dataset` expects them.

    omniglot: paper around them until they are square, grey, contrast stretched, dark strokes on white; 105 x 105 in
    black and white, then 28 x 28 by nearest neighbour, as the dataset itself. Strokes should be about a thirtieth of
    the side: thinner ones break. glyphs: the same up to the size, then 28 x 28 by averaging. mini-imagenet: RGB, and
    84 x 84 by Pillow's bicubic filter whatever the shape was, as in MAML++'s loader.

    Raises BenchError for what is no image.
    """
    known = known_dataset(dataset)
    if strokes not in STROKES:
        raise BenchError(unknown("value of strokes", strokes, STROKES))
    several = _named(images)
    if not several:
        where = f" in {images!s}" if isinstance(images, str | os.PathLike) else ""
        raise BenchError(f"there is no image{where}. Give at least one.")
    found = []
    for name, one in several:
        array = array_of(one)
        if array is not None and array.dtype == np.uint8 and array.shape == known.shape:
            found.append((array, "as it came"))
        else:
            found.append(_PREPARATIONS[dataset](name, opened(name, one), strokes))
    names = tuple(name for name, _ in several)
    return Prepared(np.stack([pixels for pixels, _ in found]), names, tuple(done for _, done in found))


def _named(images: Images) -> list[tuple[str, OneImage]]:
    """(name, image) of each: the file name, or its number."""
    if isinstance(images, str | os.PathLike) and Path(images).is_dir():
        folder = Path(images)
        files = sorted(file for file in files_below(folder) if not _is_no_image(file.name))
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


def _is_no_image(file: str) -> bool:
    return file.startswith(".") or file.lower() in ("thumbs.db", "desktop.ini")


def _photo(name: str, image: Image.Image, strokes: Strokes) -> tuple[NDArray[np.uint8], str]:
    """As `decode_photo` has it."""
    done = [] if image.mode == "RGB" else [f"from {image.mode} to RGB"]
    made = photo(name, image.convert("RGB"))
    if made.resize != "none":
        done.append(f"from {image.width} x {image.height} to 84 x 84, {made.resize}")
    return made.pixels, _said(done)


def _as_omniglot(name: str, image: Image.Image, strokes: Strokes) -> tuple[NDArray[np.uint8], str]:
    """As `decode_character` has it, once it is like one of the original drawings."""
    drawn, done = _drawn(image, strokes)
    if drawn.size != (ORIGINAL, ORIGINAL):
        done.append(f"from {drawn.width} to {ORIGINAL} pixels a side")
        drawn = drawn.resize((ORIGINAL, ORIGINAL), _filter(drawn, ORIGINAL))
    if image.mode != "1":
        done.append("black and white")
    bits = drawn.point(lambda value: 255 * (value >= 128)).convert("1", dither=Image.Dither.NONE)
    made = character(name, bits)
    return made.pixels, _said([*done, f"28 x 28, {made.resize}"])


def _as_glyph(name: str, image: Image.Image, strokes: Strokes) -> tuple[NDArray[np.uint8], str]:
    drawn, done = _drawn(image, strokes)
    if drawn.size != (28, 28):
        done.append(f"from {drawn.width} to 28 pixels a side, averaged")
        drawn = drawn.resize((28, 28), _filter(drawn, 28))
    return np.asarray(drawn, dtype=np.uint8)[None], _said(done)


_PREPARATIONS: dict[str, Callable[[str, Image.Image, Strokes], tuple[NDArray[np.uint8], str]]] = {
    "omniglot": _as_omniglot,
    "mini-imagenet": _photo,
    "glyphs": _as_glyph,
}


def _drawn(image: Image.Image, strokes: Strokes) -> tuple[Image.Image, list[str]]:
    """A square in grey levels from 0 to 255, dark strokes on white paper, and what was done for it."""
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
    """The level that half of the edge's pixels reach."""
    pixels = np.asarray(grey)
    return int(np.median(np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])))


def _filter(image: Image.Image, side: int) -> Image.Resampling:
    """Averages where pixels become fewer; in between where they become more."""
    return Image.Resampling.BOX if image.width > side else Image.Resampling.BILINEAR


def _said(done: Sequence[str]) -> str:
    return "; ".join(done) or "as it came"
