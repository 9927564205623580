"""Letters that look alike: the same strokes at the same places, once size, position and quarter turns are gone."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import distance_transform_edt

from fewshot_bench.data.glyph_faces import draw, letters_of

# The four designs. Bold and oblique faces are the same designs, heavier or slanted; the serif italic is one of its own.
DESIGNS = ("DejaVuSans", "DejaVuSansMono", "DejaVuSerif", "DejaVuSerif-Italic")
BOX = 24  # pixels of the longer side: about the size at which the pool shows a letter
TOLERANCE = 1.5  # pixels: a neighbour, diagonals included, is near
STRAY = 2  # pixels that may lie farther; see `lookalikes` for both
_FRAME = 32  # BOX and room around it, even, so that quarter turns about the middle are exact
_DRAWN = 96  # pixels of the longer side before shrinking to BOX
_INKED = 80  # of 255: a pixel counts as ink; below the half, so that hairlines of the serif faces count


def lookalikes(letters: Sequence[str]) -> NDArray[np.bool_]:
    """bool [n, n], symmetric, false on the diagonal: which pairs look alike.

    Two letters look alike if, in any design that holds both and for any of the four quarter turns of one of them, all
    but STRAY inked pixels of either lie within TOLERANCE of an inked pixel of the other (a partial Hausdorff distance).
    Both are cropped, scaled to BOX with their proportions kept, and centred before. Unlike a correlation, this does not
    care how thick the strokes are, and still sees a single dot or bar more: 8 pixels or so.

    The two numbers are from looking at the pairs on either side: with no stray pixel, or within 1.0, o and O stay both,
    and x and X; with 3 stray pixels, or within 2.0, letters fall together that readers tell apart, such as i and l.
    """
    alike = np.zeros((len(letters), len(letters)), dtype=np.bool_)
    for design in DESIGNS:
        held = np.array([index for index, letter in enumerate(letters) if letter in letters_of(design)], dtype=np.intp)
        alike[np.ix_(held, held)] |= _alike_in(design, [letters[index] for index in held])
    np.fill_diagonal(alike, False)
    return alike


def _alike_in(design: str, letters: Sequence[str]) -> NDArray[np.bool_]:
    """bool [n, n] within one design. Counts pixels of one that are far from the other: products of 0 and 1, exact."""
    ink = np.array([_normalised(letter, design) for letter in letters], dtype=np.bool_).reshape(-1, _FRAME, _FRAME)
    far = np.array([distance_transform_edt(~one) > TOLERANCE for one in ink], dtype=np.bool_).reshape(ink.shape)
    alike = np.zeros((len(letters), len(letters)), dtype=np.bool_)
    for turns in range(4):
        alike |= (_overlap(ink, _turned(far, turns)) <= STRAY) & (_overlap(far, _turned(ink, turns)) <= STRAY)
    return alike | alike.T


def _normalised(letter: str, design: str) -> NDArray[np.bool_]:
    """bool [_FRAME, _FRAME]: ink of the letter, its longer side BOX pixels, centred."""
    frame = np.zeros((_FRAME, _FRAME), dtype=np.bool_)
    ink = draw(letter, design, _DRAWN)
    if ink is None:
        return frame
    shrink = BOX / max(ink.height, ink.width)
    height, width = max(1, round(ink.height * shrink)), max(1, round(ink.width * shrink))
    small = Image.fromarray(ink.pixels).resize((width, height), Image.Resampling.BOX)
    top, left = (_FRAME - height) // 2, (_FRAME - width) // 2
    frame[top : top + height, left : left + width] = np.asarray(small) >= _INKED
    return frame


def _turned(frames: NDArray[np.bool_], turns: int) -> NDArray[np.bool_]:
    return np.rot90(frames, turns, axes=(1, 2))


def _overlap(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> NDArray[np.float32]:
    """float32 [n, n]: how many pixels are set in both a[i] and b[j]. Whole numbers below 2**24, so exact."""
    left = a.reshape(-1, _FRAME * _FRAME).astype(np.float32)
    right = b.reshape(-1, _FRAME * _FRAME).astype(np.float32)
    return left @ right.T
