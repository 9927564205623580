"""Omniglot: 1,623 handwritten characters of 50 alphabets, 20 drawers each (Lake et al., Science 350, 2015).

Recognised: images_background and images_evaluation, each as a folder or as an archive, also nested (`omniglot-py/`);
one folder into which both were unpacked (50 alphabets side by side); and one archive that holds everything.
"""

import re
from collections import defaultdict
from functools import partial
from pathlib import Path

import PIL

from fewshot_bench.basics.errors import DataError
from fewshot_bench.data.archives import (
    any_of_first,
    archive_kind,
    archives_in,
    files_of,
    is_archive,
    member_names,
    members,
)
from fewshot_bench.data.pool import Pool, Progress, write_pool
from fewshot_bench.data.raw import CHARACTER, Raw, decode_character, fill, places_of, source_record
from fewshot_bench.data.splits import all_classes
from fewshot_bench.data.walking import files_below, files_in, is_dead_link, subfolders

CLASSES = 1623
EXAMPLES = 20
LAYOUTS = (
    "images_background and images_evaluation, each as a zip, a tar or a folder, one folder of all 50 alphabets, or one "
    "archive of everything"
)
HALVES = ("images_background", "images_evaluation")
DRAWING = re.compile(r"/character\d\d/\d{4}_\d\d\.png$")
FIRST = "Alphabet_of_the_Magi/character01"  # the first class by name: its parent holds all alphabets


def find_omniglot(path: Path) -> Raw | None:
    """The raw Omniglot at `path` (a folder, either half of it, or an archive of all), None if there is none.

    Raises DataError if one half is there and the other is not.
    """
    folder = path.parent if _stem(path) in HALVES else path
    places = [folder, *subfolders(folder)]
    halves = [(place, [_half(place, name) for name in HALVES]) for place in places]
    for place, parts in halves:
        whole = [part for part in parts if part is not None]
        if len(whole) == len(HALVES):
            return _raw(_kind(whole), place, whole)
    for place in places:
        if (place / FIRST).is_dir() and place.name not in HALVES:
            return _raw("alphabets", place, [place])
    for place, parts in halves:
        for part, other in zip(parts, reversed(HALVES), strict=True):
            if part is not None:
                raise DataError(_half_alone(place, part, other))
    archives = [path] if is_archive(path) else archives_in(folder)
    return next((_raw("one archive", file, [file]) for file in archives if _has_drawings(file, path)), None)


def _raw(kind: str, where: Path, parts: list[Path]) -> Raw:
    return Raw(kind, where, partial(_prepare, kind, where, parts))


def _half(place: Path, name: str) -> Path | None:
    """The path of a half: a readable archive, or else its folder, or else a damaged archive, which gets reported."""
    folder = place / name
    files = [file for file in files_in(place) if _stem(file) == name]
    whole = [file for file in files if archive_kind(file)]
    folders = [folder] if folder.is_dir() and next(files_below(folder), None) else []
    return next(iter([*whole, *folders, *filter(is_archive, files)]), None)


def _has_drawings(archive: Path, path: Path) -> bool:
    """Whether an archive holds drawings. DataError if a damaged one is named, or is called omniglot."""
    if archive == path or "omniglot" in archive.name.lower():
        return bool(member_names(archive, _is_character))
    return any_of_first(archive, _is_character)


def _is_character(name: str) -> bool:
    return DRAWING.search(name) is not None


def _stem(path: Path) -> str:
    """`images_background.tar.gz` -> `images_background`."""
    return path.name.partition(".")[0]


def _kind(halves: list[Path]) -> str:
    """`two zips`, `two folders`, or `a zip and a folder`."""
    kinds = ["folder" if half.is_dir() else archive_kind(half) or "zip" for half in halves]
    return f"two {kinds[0]}s" if kinds[0] == kinds[1] else f"a {kinds[0]} and a {kinds[1]}"


def _half_alone(place: Path, part: Path, other: str) -> str:
    lacking = place / (other + part.name.removeprefix(_stem(part)))
    dead = next((link for link in (lacking, place / other) if is_dead_link(link)), None)
    if dead:
        return f"{dead} is a link to {dead.readlink()}, which is not there. Mend the link."
    return f"{part} is one half of Omniglot and {lacking.name} is not beside it. Put it there."


def _prepare(kind: str, where: Path, parts: list[Path], folder: Path, progress: Progress) -> Pool:
    characters = defaultdict(list)
    for part in parts:
        for name in member_names(part, _is_drawing):
            characters[_character(name)].append(_drawing(name))
    places = places_of(characters, all_classes("omniglot", "gimli"), EXAMPLES, where)
    images = ((_drawing(name), content) for part in parts for name, content in members(part, _is_drawing))
    files = [file for part in parts for file in files_of(part, _is_drawing)]
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
