"""Omniglot: 1,623 handwritten characters of 50 alphabets, 20 drawers each (Lake et al., Science 350, 2015).

Recognised: images_background and images_evaluation, each as a folder or as an archive, also nested (`omniglot-py/`);
one folder into which both were unpacked (50 alphabets side by side); and one archive that holds everything.
"""

import re
from collections import defaultdict
from functools import partial
from pathlib import Path

import PIL

from fewshot_bench.basics.about import AboutDataset
from fewshot_bench.basics.errors import DataError
from fewshot_bench.basics.images import ImageShape
from fewshot_bench.data.archives import (
    any_of_first,
    archive_kind,
    archives_in,
    files_of,
    is_archive,
    member_names,
    members,
)
from fewshot_bench.data.dataset import Dataset, Download, check_size
from fewshot_bench.data.drawings import ORIGINAL, as_drawing
from fewshot_bench.data.pool import Pool, Progress, write_pool
from fewshot_bench.data.raw import CHARACTER, Raw, decode_character, fill, places_of, source_record
from fewshot_bench.data.splits import all_classes, known_duplicates, read_splits
from fewshot_bench.data.walking import files_below, files_in, is_dead_link, subfolders

EXAMPLES = 20
LAYOUTS = (
    "images_background and images_evaluation, each as a zip, a tar or a folder, one folder of all 50 alphabets, or one "
    "archive of everything"
)
HALVES = ("images_background", "images_evaluation")
DRAWING = re.compile(r"/character\d\d/\d{4}_\d\d\.png$")
FIRST = "Alphabet_of_the_Magi/character01"  # the first class by name: its parent holds all alphabets


REPOSITORY = "https://raw.githubusercontent.com/brendenlake/omniglot/master/python"  # its authors'

NAMES: dict[str, AboutDataset] = {
    "omniglot": {
        "title": "Omniglot",
        "licence": "MIT, with the authors' repository brendenlake/omniglot",
        "cite": {"lake2015": "the characters"},
        "splits": {
            "gimli": {"antoniou2019": "its loader shuffles and cuts the classes so"},
            "vinyals": {"vinyals2016": "the classes of each part"},
            "lake": {"lake2015": "background and evaluation alphabets"},
        },
    },
}

KNOWN_POOLS = {
    # All 32,460 images of the two archives, each character with its 20 drawers; images of the official small sets are
    # byte-identical to those in these archives.
    "150ffb18707c7d4b1b0c0a0fb6a41e2bb87b173e710b8ac5df1acc3e8bd6fc58": (
        "Omniglot, the images of images_background.zip and images_evaluation.zip of brendenlake/omniglot, 28x28 nearest"
    ),
}
"""Hashes of pools whose source was checked. Another hash is no error, but then the pixels are not these."""


def omniglot(*, size: int = 28) -> Dataset:
    """1,623 handwritten characters of 50 alphabets, 20 drawers each (Lake et al., Science 350, 2015).

    Args:
        size: Height and width of its images, in pixels.
    """
    check_size("omniglot", size, ORIGINAL)
    return Dataset(
        name="omniglot",
        shape=ImageShape(1, size, size),
        splits=read_splits("omniglot", ("gimli", "vinyals", "lake")),
        find_raw=partial(find_omniglot, size=size),
        layouts=LAYOUTS,
        examples=EXAMPLES,
        rotations=True,
        title=NAMES["omniglot"]["title"],
        folders=("omniglot",),
        downloads=(  # MD5 as torchvision lists them (torchvision/datasets/omniglot.py, `zips_md5`)
            _download("images_background.zip", "68d2efa1b9178cc56df9314c21c6e718"),
            _download("images_evaluation.zip", "6b91aef0f799c5bb55b94e3f2daec811"),
        ),
        prepare=partial(as_drawing, size=size),
        known_pools=KNOWN_POOLS,
        duplicates=known_duplicates("omniglot"),
        variant="" if size == CHARACTER.width else str(size),
    )


def _download(file: str, md5: str) -> Download:
    return Download(f"{REPOSITORY}/{file}", file, md5)


def find_omniglot(path: Path, size: int = CHARACTER.width) -> Raw | None:
    """The raw Omniglot at `path` (a folder, either half of it, or an archive of all), None if there is none.

    size: of the pool's images, in pixels a side.

    Raises DataError if one half is there and the other is not.
    """
    folder = path.parent if _stem(path) in HALVES else path
    places = [folder, *subfolders(folder)]
    halves = [(place, [_half(place, name) for name in HALVES]) for place in places]
    for place, parts in halves:
        whole = [part for part in parts if part is not None]
        if len(whole) == len(HALVES):
            return _raw(_kind(whole), place, whole, size)
    for place in places:
        if (place / FIRST).is_dir() and place.name not in HALVES:
            return _raw("alphabets", place, [place], size)
    for place, parts in halves:
        for part, other in zip(parts, reversed(HALVES), strict=True):
            if part is not None:
                raise DataError(_half_alone(place, part, other))
    archives = [path] if is_archive(path) else archives_in(folder)
    return next((_raw("one archive", file, [file], size) for file in archives if _has_drawings(file, path)), None)


def _raw(kind: str, where: Path, parts: list[Path], size: int) -> Raw:
    return Raw(kind, where, partial(_prepare, kind, where, parts, size))


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


def _prepare(kind: str, where: Path, parts: list[Path], size: int, folder: Path, progress: Progress) -> Pool:
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
        ImageShape(1, size, size),
        lambda array: fill(array, places, images, partial(decode_character, side=size), where, progress),
        {"dataset": "omniglot", "source": source_record(kind, where, files), "pillow": PIL.__version__},
        KNOWN_POOLS,
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
