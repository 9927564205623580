"""The images of glyphs: letters drawn in the fonts that matplotlib ships, then bent.

Each image is drawn, then varied by a seeded affine and elastic transform, bit for bit the same on any machine. Angles,
sines and matrix products may differ in the last bit from one processor to the next. So sampling positions are rounded
to 1/64 pixel before anything is sampled. All later numbers are small fractions of powers of two, whose sums and
products are exact.
"""

from functools import partial
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import PIL
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from fewshot_bench.basics.errors import DataError
from fewshot_bench.basics.files import sha256_of
from fewshot_bench.basics.images import ImageShape
from fewshot_bench.basics.seeds import seed_for
from fewshot_bench.data.glyph_faces import FACES, LICENSE, Ink, draw, faces_with, path_of
from fewshot_bench.data.glyph_letters import letter_of, listed
from fewshot_bench.data.pool import Pool, Progress, write_pool

EDITION = 2  # raised when letters or their drawing change; glyphs.py has the same number, and a test compares them
CLASSES = 1120
EXAMPLES = 20
SIDE = 28  # pixels
SHAPE = ImageShape(1, SIDE, SIDE)
ROTATION = 0.2  # radians, either way: 11 degrees
SHEAR = 0.2  # either way
STRETCH = 0.15  # either way, in the logarithm: wide to narrow is 1.35 to 1
SMALLEST = 0.78  # of the largest size that fits the frame
WANDER = 0.6  # of the room that is left, by which the letter is off the middle at most
ELASTIC = 2.8  # pixels by which a control point moves at most, in each direction
_GRID = 6  # control points a side, of which the outermost lie outside the frame
_MARGIN = 1.0  # pixels of paper at the edge of the frame
_FINE = 2  # samples a pixel, in each direction
_STEPS = 64  # positions a pixel of the drawn letter
_LONGEST = 56  # pixels of a letter's longer side as drawn, before it is varied: over twice what the frame shows
_THICKER = (0, 1, 2)  # pixels added to either side of a stroke; not of bold ones, whose counters would close

NUMBERS = 6 + 2 * _GRID * _GRID
"""How many random numbers in [0, 1) one image needs."""


def make_glyphs(folder: Path, progress: Progress) -> Pool:
    """Draw all letters into a pool in `folder`: uint8 [CLASSES * 20, 1, 28, 28], paper 255. About 10 s on one core.

    Each image is a pure function of its class name and example number (and of the fonts and Pillow's rasteriser, whose
    versions the manifest names). Raises DataError if matplotlib's fonts are missing or lack a letter.
    """
    names = listed()
    return write_pool(folder, names, EXAMPLES, SHAPE, partial(_fill, names, progress), _manifest())


def examples_of(name: str) -> NDArray[np.uint8]:
    """The images of one class: uint8 [20, 28, 28]."""
    numbers = np.stack([_numbers(name, example) for example in range(EXAMPLES)])
    order = face_order(name)
    inks = [_ink(name, order[example % len(order)], number) for example, number in enumerate(numbers[:, 0])]
    return vary(inks, numbers[:, 1:])


def face_order(name: str) -> tuple[str, ...]:
    """The faces that hold the letter, shuffled by class. Example i is drawn in face i, modulo their number."""
    faces = faces_with(letter_of(name))
    if not faces:
        raise DataError(
            f"no font of matplotlib {matplotlib.__version__} has {name}: it ships other fonts than 3.9 did."
        )
    shuffled = np.argsort(np.random.default_rng(seed_for("glyphs", name, "faces")).random(len(faces)), kind="stable")
    return tuple(faces[index] for index in shuffled)


def _fill(names: tuple[str, ...], progress: Progress, images: NDArray[np.uint8]) -> None:
    progress("glyphs", 0, len(names))
    for index, name in enumerate(names):
        images[index * EXAMPLES : (index + 1) * EXAMPLES, 0] = examples_of(name)
        progress("glyphs", index + 1, len(names))


def _numbers(name: str, example: int) -> NDArray[np.float64]:
    return np.random.default_rng(seed_for("glyphs", name, example)).random(1 + NUMBERS)


def _ink(name: str, face: str, number: float) -> Ink:
    thicker = 0 if "Bold" in face else _THICKER[int(number * len(_THICKER))]
    ink = draw(letter_of(name), face, _LONGEST, thicker)
    if ink is None:
        raise DataError(f"{face} of matplotlib {matplotlib.__version__} draws no {name}; glyphs was made with 3.11.")
    return ink


def _manifest() -> dict[str, Any]:
    return {
        "dataset": "glyphs",
        "edition": EDITION,
        "source": "letters of the DejaVu fonts that matplotlib ships, drawn by Pillow, then rotated, sheared and bent",
        "fonts": {f"{face}.ttf": sha256_of(path_of(face)) for face in FACES},
        "versions": {"matplotlib": matplotlib.__version__, "pillow": PIL.__version__},
        "license": f"DejaVu fonts: the Bitstream Vera and Arev licences, free to use; {LICENSE} beside the fonts.",
        "resize": "bilinear at two samples a pixel each way, averaged",
    }


def vary(inks: list[Ink], numbers: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Varied images of `inks`: uint8 [n, SIDE, SIDE], paper 255, strokes dark. numbers: [n, NUMBERS] in [0, 1).

    The letter is rotated, sheared and stretched, bent, and put at random where it fits: all its ink lies in the frame,
    at least _MARGIN from the edge, by construction.
    """
    bend = _bend(numbers[:, 6:])
    positions = _positions(inks, numbers[:, :6], bend)
    fine = SIDE * _FINE
    out = np.empty((len(inks), fine, fine), dtype=np.float32)
    for ink, position, image in zip(inks, positions, out, strict=True):
        map_coordinates(ink.pixels, position, output=image, order=1, mode="constant", cval=0.0)
    cells = out.reshape(len(inks), SIDE, _FINE, SIDE, _FINE).mean(axis=(2, 4), dtype=np.float64)
    return (255 - np.floor(cells + 0.5)).astype(np.uint8)


def _positions(inks: list[Ink], numbers: NDArray[np.float64], bend: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where in its ink each sample of each image lies: [n, 2, fine, fine], rows then columns, in 1/_STEPS pixel."""
    matrix = _matrix(2.0 * numbers[:, :3] - 1.0)
    half = np.array([[ink.height, ink.width] for ink in inks]) / 2.0
    extent = np.einsum("nij,nj->ni", np.abs(matrix), half)  # of the box around the turned letter, half of it
    room = SIDE / 2.0 - _MARGIN - np.abs(bend).max(axis=(2, 3))
    largest = (room / extent).min(axis=1)
    size = largest * (SMALLEST + (1.0 - SMALLEST) * numbers[:, 3])
    shift = (room - size[:, None] * extent) * WANDER * (2.0 * numbers[:, 4:6] - 1.0)
    frame = bend + _samples()[None] - shift[:, :, None, None]
    inverse = np.linalg.inv(matrix) / size[:, None, None]
    positions = np.einsum("nij,njyx->niyx", inverse, frame) + half[:, :, None, None] - 0.5
    return np.round(positions * _STEPS) / _STEPS


def _matrix(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    """[n, 2, 2] for (row, column) vectors: stretched, then sheared, then rotated. numbers: [n, 3] in [-1, 1)."""
    angle, shear, stretch = (numbers * [ROTATION, SHEAR, STRETCH]).T
    zero, one = np.zeros_like(angle), np.ones_like(angle)
    rotate = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    slant = np.array([[one, zero], [shear, one]])
    widen = np.array([[np.exp(-stretch), zero], [zero, np.exp(stretch)]])
    return np.einsum("ijn,jkn,kln->nil", rotate, slant, widen)


def _samples() -> NDArray[np.float64]:
    """[2, fine, fine]: rows and columns of the samples, in pixels from the middle of the frame."""
    line = (np.arange(SIDE * _FINE) + 0.5) / _FINE - SIDE / 2.0
    return np.stack(np.meshgrid(line, line, indexing="ij"))


def _bend(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    """The elastic displacement at each sample, in pixels [n, 2, fine, fine]: cubic B-splines of control points."""
    points = (2.0 * numbers.reshape(-1, 2, _GRID, _GRID) - 1.0) * ELASTIC
    weights = _spline_weights()
    return weights @ points @ weights.T


def _spline_weights() -> NDArray[np.float64]:
    """[fine, _GRID]: how much each control point counts at each sample; rows sum to one."""
    at = (np.arange(SIDE * _FINE) + 0.5) / (SIDE * _FINE) * (_GRID - 3) + 1.0
    distance = np.abs(at[:, None] - np.arange(_GRID)[None, :])
    near = 2.0 / 3.0 - distance**2 + distance**3 / 2.0
    return np.where(distance < 1.0, near, np.clip(2.0 - distance, 0.0, None) ** 3 / 6.0)
