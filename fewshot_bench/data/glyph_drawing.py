"""One letter becomes many images: seeded affine and elastic variation, bit for bit the same on any machine.

Angles, sines and matrix products may differ in the last bit from one processor to the next. So sampling positions are
rounded to 1/64 pixel before anything is sampled; from there on all numbers are small fractions of powers of two, and
every sum and product of them is exact.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from fewshot_bench.data.glyph_faces import Ink

SIDE = 28  # pixels
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

NUMBERS = 6 + 2 * _GRID * _GRID
"""How many numbers of [0, 1) vary one image."""


def vary(inks: list[Ink], numbers: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Images of `inks`, varied as `numbers` [n, NUMBERS] in [0, 1) say. uint8 [n, SIDE, SIDE], paper 255, strokes dark.

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
