"""Omniglot: 1,623 handwritten characters of 50 alphabets, 20 drawers each (Lake et al., Science 350, 2015).

Recognised: images_background.zip and images_evaluation.zip, the folders inside them, also nested (`omniglot-py/`), and
one folder into which both were unpacked (50 alphabets side by side).
"""

from collections import defaultdict
from functools import partial
from pathlib import Path

import PIL

from fewshot_bench.basics.errors import DataError
from fewshot_bench.data.archives import member_names, members
from fewshot_bench.data.decoding import CHARACTER, decode_character
from fewshot_bench.data.pool import Pool, write_pool
from fewshot_bench.data.progress import Progress
from fewshot_bench.data.raw import Raw, fill, places_of, source_record
from fewshot_bench.data.splits import all_classes

CLASSES = 1623
EXAMPLES = 20
LAYOUTS = "images_background.zip and images_evaluation.zip, the folders inside them, or one folder of all 50 alphabets"
HALVES = ("images_background", "images_evaluation")
FIRST = "Alphabet_of_the_Magi/character01"  # the first class by name: where it is, the alphabets lie side by side


def find_omniglot(path: Path) -> Raw | None:
    """The raw Omniglot at `path` (a folder, or either half of it), None where nothing of it is.

    Raises DataError where one half is there and the other is not.
    """
    folder = path.parent if path.name.removesuffix(".zip") in HALVES else path
    for suffix, kind in ((".zip", "two zips"), ("", "two folders")):
        for place in (folder, *_subfolders(folder)):
            parts = [place / f"{half}{suffix}" for half in HALVES]
            there = [part for part in parts if part.exists()]
            if len(there) == 1:
                lacking = next(part.name for part in parts if part not in there)
                raise DataError(f"{there[0]} is one half of Omniglot and {lacking} is not beside it. Put it there.")
            if there:
                return Raw(kind, place, partial(_prepare, kind, place, parts))
    for place in (folder, *_subfolders(folder)):
        if (place / FIRST).is_dir():
            return Raw("alphabets", place, partial(_prepare, "alphabets", place, [place]))
    return None


def _prepare(kind: str, where: Path, parts: list[Path], folder: Path, progress: Progress) -> Pool:
    characters = defaultdict(list)
    for part in parts:
        for name in member_names(part, _is_drawing):
            characters[_character(name)].append(_drawing(name))
    places = places_of(characters, all_classes("omniglot", "gimli"), EXAMPLES, where)
    images = ((_drawing(name), content) for part in parts for name, content in members(part, _is_drawing))
    files = [file for part in parts for file in ([part] if part.is_file() else part.rglob("*.png"))]
    return write_pool(
        folder,
        tuple(sorted(characters)),
        EXAMPLES,
        CHARACTER,
        lambda array: fill(array, places, images, decode_character, where, progress),
        {"dataset": "omniglot", "source": source_record(kind, where, files), "pillow": PIL.__version__},
    )


def _is_drawing(name: str) -> bool:
    parts = name.split("/")
    return len(parts) >= 3 and parts[-1].endswith(".png") and not parts[-1].startswith(".")


def _drawing(name: str) -> str:
    """`images_background/Greek/character01/0394_01.png` -> `Greek/character01/0394_01.png`."""
    return "/".join(name.split("/")[-3:])


def _character(name: str) -> str:
    """`images_background/Greek/character01/0394_01.png` -> `Greek/character01`."""
    return "/".join(name.split("/")[-3:-1])


def _subfolders(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
