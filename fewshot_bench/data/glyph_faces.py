"""The DejaVu typefaces that matplotlib ships, and a letter in one of them as pixels of ink."""

from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

import matplotlib
import numpy as np
from matplotlib.ft2font import FT2Font
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from fewshot_bench.basics.errors import DataError

# The DejaVu text faces, by file name without its ending. The two Display faces hold a handful of letters and stay out.
FACES = (
    "DejaVuSans",
    "DejaVuSans-Bold",
    "DejaVuSans-Oblique",
    "DejaVuSans-BoldOblique",
    "DejaVuSansMono",
    "DejaVuSansMono-Bold",
    "DejaVuSansMono-Oblique",
    "DejaVuSansMono-BoldOblique",
    "DejaVuSerif",
    "DejaVuSerif-Bold",
    "DejaVuSerif-Italic",
    "DejaVuSerif-BoldItalic",
)
LICENSE = "LICENSE_DEJAVU"  # lies beside the faces
_MEASURE = 64  # pixels an em at which a letter's ink is measured
_STEP = 8  # sizes are multiples of this, so that a few opened fonts serve all letters


class Ink(NamedTuple):
    """A letter cropped to what is inked. pixels: uint8 [h, w], 0 is paper and 255 full ink, h and w at least 1."""

    pixels: NDArray[np.uint8]

    @property
    def height(self) -> int:
        return self.pixels.shape[0]

    @property
    def width(self) -> int:
        return self.pixels.shape[1]


def folder() -> Path:
    """Where the installed matplotlib keeps its fonts."""
    return Path(matplotlib.get_data_path()) / "fonts" / "ttf"


def path_of(face: str) -> Path:
    """The file of a face. Raises DataError if this matplotlib came without it."""
    path = folder() / f"{face}.ttf"
    if not path.is_file():
        raise DataError(
            f"the font {path.name} is not among those of matplotlib {matplotlib.__version__} ({folder()}). "
            "Some distributions strip it; install matplotlib from PyPI: pip install --force-reinstall matplotlib."
        )
    return path


@cache
def letters_of(face: str) -> frozenset[str]:
    """The characters that the face's own character map leads to a glyph, the `.notdef` box (glyph 0) excluded."""
    charmap: Mapping[int, int] = FT2Font(str(path_of(face))).get_charmap()
    return frozenset(chr(code) for code, glyph in charmap.items() if glyph != 0)


def faces_with(letter: str) -> tuple[str, ...]:
    """The faces that hold a drawing of `letter`, in the order of FACES."""
    return tuple(face for face in FACES if letter in letters_of(face))


def draw(letter: str, face: str, longest: int, thicker: int = 0) -> Ink | None:
    """The letter in the face, cropped, its longer side near `longest` pixels; None if it is blank.

    The size is not exact, since font sizes are multiples of _STEP. `thicker` widens strokes by that many pixels on each
    side, beyond `longest`.
    """
    longer = _longer_side(letter, face)
    if longer == 0:
        return None
    size = max(1, round(_MEASURE * longest / longer / _STEP)) * _STEP
    return _cropped(_page(letter, face, size, thicker))


@cache
def _longer_side(letter: str, face: str) -> int:
    """The longer side of the ink, in pixels at _MEASURE. The font's box also counts the space to the next letter."""
    ink = _cropped(_page(letter, face, _MEASURE, 0))
    return max(ink.height, ink.width) if ink else 0


def _page(letter: str, face: str, size: int, thicker: int) -> NDArray[np.uint8]:
    """uint8 [h, w]: the letter at `size` pixels an em, with paper around it."""
    font = _font(face, size)
    left, top, right, bottom = font.getbbox(letter, stroke_width=thicker)
    page = Image.new("L", (int(right - left) + 2, int(bottom - top) + 2), 0)
    ImageDraw.Draw(page).text((1 - left, 1 - top), letter, fill=255, font=font, stroke_width=thicker)
    return np.asarray(page)


def _cropped(page: NDArray[np.uint8]) -> Ink | None:
    rows, columns = np.flatnonzero(page.any(axis=1)), np.flatnonzero(page.any(axis=0))
    if not rows.size:
        return None
    return Ink(page[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])


@lru_cache(maxsize=256)
def _font(face: str, size: int) -> ImageFont.FreeTypeFont:
    """BASIC layout: one code point, one glyph of the character map, whether or not Raqm is installed."""
    return ImageFont.truetype(path_of(face), size, layout_engine=ImageFont.Layout.BASIC)
