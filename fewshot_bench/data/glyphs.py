"""glyphs: letters of 13 scripts, drawn from the fonts that matplotlib ships. No download; laid out like Omniglot."""

from functools import partial
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import PIL
from numpy.typing import NDArray

from fewshot_bench.basics.errors import DataError
from fewshot_bench.basics.files import sha256_of
from fewshot_bench.basics.images import ImageShape
from fewshot_bench.basics.seeds import seed_for
from fewshot_bench.data.glyph_drawing import NUMBERS, SIDE, vary
from fewshot_bench.data.glyph_faces import FACES, LICENSE, Ink, draw, faces_with, path_of
from fewshot_bench.data.glyph_letters import letter_of, listed
from fewshot_bench.data.pool import Pool, write_pool
from fewshot_bench.data.progress import Progress

EDITION = 2  # raised when letters or their drawing change; datasets.py has the same number, and a test compares them
CLASSES = 1120
EXAMPLES = 20
SHAPE = ImageShape(1, SIDE, SIDE)
_LONGEST = 56  # pixels of a letter's longer side as drawn, before it is varied: over twice what the frame shows
_THICKER = (0, 1, 2)  # pixels added to either side of a stroke; not of bold ones, whose counters would close


def make_glyphs(folder: Path, progress: Progress) -> Pool:
    """Draws all letters into a pool in `folder`: uint8 [CLASSES, 20, 1, 28, 28], paper 255. About 10 s on one core.

    Each image is a pure function of its class name and example number (and of the fonts and Pillow's rasteriser, whose
    versions the manifest names). Raises DataError where matplotlib's fonts are missing or lack a letter.
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
    """The faces that hold the letter, shuffled by class: example i is drawn in the i-th of them, round and round."""
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
        images[index, :, 0] = examples_of(name)
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
