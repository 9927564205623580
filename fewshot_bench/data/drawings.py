"""A user's image as one of a dataset's own: a drawn character with dark strokes on white, or a photograph."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from fewshot_bench.basics.images import ImageShape
from fewshot_bench.data.dataset import Strokes
from fewshot_bench.data.raw import CHARACTER, character, photo

ORIGINAL = 105  # pixels a side of Omniglot's drawings


def as_photo(name: str, image: Image.Image, shape: ImageShape) -> tuple[NDArray[np.uint8], str]:
    """A photograph of a dataset's shape: in its channels, and resized by Pillow's default filter; what was done."""
    mode = "RGB" if shape.channels == 3 else "L"
    done = [] if image.mode == mode else [f"from {image.mode} to {'RGB' if mode == 'RGB' else 'grey'}"]
    if mode == "RGB":
        decoded = photo(name, image.convert(mode), shape.width)
        pixels, resize = decoded.pixels, decoded.resize
    else:
        grey = image.convert(mode)
        resize = "none" if grey.size == (shape.width, shape.height) else "bicubic (Pillow's default)"
        pixels = np.asarray(grey.resize((shape.width, shape.height)))[None]
    if resize != "none":
        done.append(f"from {image.width} x {image.height} to {shape.width} x {shape.height}, {resize}")
    return pixels, _in_words(done)


def as_drawing(
    name: str, image: Image.Image, strokes: Strokes, size: int = CHARACTER.width
) -> tuple[NDArray[np.uint8], str]:
    """An image made like one of Omniglot's original drawings, then prepared as `decode_character` does."""
    drawn, done = _drawn(image, strokes)
    if drawn.size != (ORIGINAL, ORIGINAL):
        done.append(f"from {drawn.width} to {ORIGINAL} pixels a side")
        drawn = drawn.resize((ORIGINAL, ORIGINAL), _filter(drawn, ORIGINAL))
    if image.mode != "1":
        done.append("black and white")
    bits = drawn.point(lambda value: 255 * (value >= 128)).convert("1", dither=Image.Dither.NONE)
    decoded = character(name, bits, size)
    return decoded.pixels, _in_words([*done, f"{size} x {size}, {decoded.resize}"])


def as_grey_drawing(name: str, image: Image.Image, strokes: Strokes) -> tuple[NDArray[np.uint8], str]:
    """A drawing in grey levels, averaged to 28 x 28, as glyphs are."""
    drawn, done = _drawn(image, strokes)
    if drawn.size != (CHARACTER.width, CHARACTER.height):
        done.append(f"from {drawn.width} to {CHARACTER.width} pixels a side, averaged")
        drawn = drawn.resize((CHARACTER.width, CHARACTER.height), _filter(drawn, CHARACTER.width))
    return np.asarray(drawn, dtype=np.uint8)[None], _in_words(done)


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
