"""Omniglot: 1,623 handwritten characters of 50 alphabets, 20 drawers each (Lake, Salakhutdinov & Tenenbaum, Science 2015).

Recognised: images_background.zip and images_evaluation.zip, or the folders inside them, also nested (`omniglot-py/`).
"""

import io
from collections import defaultdict
from functools import partial
from pathlib import Path

import numpy as np
import PIL
from numpy.typing import NDArray
from PIL import Image

from fewshot_bench.basics.errors import DataError
from fewshot_bench.basics.images import ImageShape
from fewshot_bench.data.archives import member_names, members
from fewshot_bench.data.pool import Pool, write_pool
from fewshot_bench.data.progress import Progress
from fewshot_bench.data.raw import Raw, fill, positions, source_record

SHAPE = ImageShape(1, 28, 28)
CLASSES = 1623
EXAMPLES = 20
HALVES = ("images_background", "images_evaluation")


def find_omniglot(path: Path) -> Raw | None:
    """The raw Omniglot at `path` (a folder, or one of its two zips), None where nothing of it is.

    Raises DataError where one half is there and the other is not.
    """
    folder = path.parent if path.name in {f"{half}.zip" for half in HALVES} | set(HALVES) else path
    for suffix, kind in ((".zip", "zips"), ("", "folders")):
        for place in (folder, *_subfolders(folder)):
            parts = [place / f"{half}{suffix}" for half in HALVES]
            there = [part for part in parts if part.exists()]
            if len(there) == 1:
                lacking = next(part for part in parts if part not in there)
                raise DataError(f"{there[0]} is one half of Omniglot; {lacking.name} is not beside it. Put it there.")
            if there:
                return Raw(kind, place, partial(_prepare, kind, place, tuple(parts)))
    return None


def decode_character(name: str, content: bytes) -> NDArray[np.uint8]:
    """A 1-bit PNG -> uint8 [1, 28, 28]: paper 255, strokes 0, not inverted.

    The published pipelines resize with Pillow's LANCZOS, which Pillow turns into nearest neighbour for 1-bit images; so does
    this, by its true name. Raises DataError for what does not decode or is not 1-bit.
    """
    try:
        image = Image.open(io.BytesIO(content))
        mode = image.mode
        bits = np.asarray(image.resize((SHAPE.width, SHAPE.height), Image.Resampling.NEAREST))
    except (OSError, SyntaxError, ValueError) as error:  # Pillow reports a broken PNG chunk as SyntaxError
        raise DataError(f"{name} cannot be decoded as an image ({error}). Get a fresh copy of it.") from error
    if mode != "1":
        raise DataError(
            f"{name} has image mode {mode!r}; Omniglot's images are 1-bit (mode '1'). Use the original files."
        )
    return bits[None].astype(np.uint8) * np.uint8(255)


def _prepare(kind: str, where: Path, parts: tuple[Path, ...], folder: Path, progress: Progress) -> Pool:
    characters = defaultdict(list)
    for part in parts:
        for name in member_names(part, _is_drawing):
            characters[_character(name)].append(_drawing(name))
    places = positions(characters, CLASSES, EXAMPLES, where)
    images = ((_drawing(name), content) for part in parts for name, content in members(part, _is_drawing))
    files = [file for part in parts for file in ([part] if part.is_file() else part.rglob("*.png"))]
    return write_pool(
        folder,
        tuple(sorted(characters)),
        EXAMPLES,
        SHAPE,
        lambda array: fill(array, places, images, decode_character, where, progress),
        {
            "dataset": "omniglot",
            "source": source_record(kind, where, files),
            "resize": "nearest (Pillow's LANCZOS on 1-bit images)",
            "pillow": PIL.__version__,
        },
    )


def _is_drawing(name: str) -> bool:
    parts = name.split("/")
    return len(parts) >= 3 and parts[-1].endswith(".png") and not parts[-1].startswith(".") and parts[0] != "__MACOSX"


def _drawing(name: str) -> str:
    """`images_background/Greek/character01/0394_01.png` -> `Greek/character01/0394_01.png`."""
    return "/".join(name.split("/")[-3:])


def _character(name: str) -> str:
    """`images_background/Greek/character01/0394_01.png` -> `Greek/character01`."""
    return "/".join(name.split("/")[-3:-1])


def _subfolders(folder: Path) -> list[Path]:
    return (
        sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
        if folder.is_dir()
        else []
    )
