"""mini-ImageNet: 100 classes of ImageNet, 600 images each, 84x84 (Vinyals et al. 2016; Ravi & Larochelle 2017).

Recognised, in a folder or as the path itself: train.csv, val.csv and test.csv with a folder or archives of JPEGs beside
them or all in one archive; class folders (n01532829/..., also under train, val, test), in an archive too; and the three
mini-imagenet-cache-{train,val,test}.pkl.
"""

import csv
import io
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import PIL
from numpy.typing import NDArray

from fewshot_bench.basics.errors import DataError
from fewshot_bench.data.archives import archives_in, content_of_file, is_archive, member_names, members
from fewshot_bench.data.decoding import PHOTO, decode_photo
from fewshot_bench.data.mini_imagenet_pickles import fill_from_pickles
from fewshot_bench.data.pool import Fill, Pool, write_pool
from fewshot_bench.data.progress import Progress
from fewshot_bench.data.raw import Raw, fill, places_of, source_record
from fewshot_bench.data.splits import all_classes

CLASSES = 100
EXAMPLES = 600
LAYOUTS = (
    "train.csv, val.csv and test.csv with their JPEGs in `images/` or in tar or zip archives, class folders "
    "(n01532829/*.jpg, also under train, val, test), or mini-imagenet-cache-{train,val,test}.pkl"
)
CSVS = ("train.csv", "val.csv", "test.csv")
PICKLES = tuple(f"mini-imagenet-cache-{part}.pkl" for part in ("train", "val", "test"))
IN_CLASS_FOLDER = re.compile(r"(?:^|/)(n\d{8})/([^/.][^/]*\.jpe?g)$", re.IGNORECASE)


class Photos(NamedTuple):
    """names: class -> image names; images(): (image name, content) of them all; files: what the hashes are taken of."""

    names: dict[str, list[str]]
    images: Callable[[], Iterator[tuple[str, bytes]]]
    files: list[Path]


def find_mini_imagenet(path: Path) -> Raw | None:
    """The raw mini-ImageNet at `path`, None where nothing of it is. Raises DataError where its set of files is torn."""
    if path.name in CSVS + PICKLES:
        path = path.parent
    if _all_or_none(path, PICKLES):
        return Raw("three pickles", path, partial(_prepare_pickles, path))
    beside = path if path.is_dir() else path.parent
    if _all_or_none(beside, CSVS) and (path.is_dir() or is_archive(path)):
        images = [path] if is_archive(path) else _image_places(path)
        return _raw("three CSVs and JPEGs", path, partial(_by_csv, _csvs_beside(beside), images))
    if path.is_dir() and _has_class_folders(path):
        return _raw("class folders", path, partial(_by_folder, [path]))
    named = [archive for archive in archives_in(path) if re.search("mini.?imagenet", archive.name.lower())]
    return next((raw for raw in map(_find_in_archive, [path] if is_archive(path) else named) if raw), None)


def _find_in_archive(path: Path) -> Raw | None:
    names = member_names(path, lambda name: bool(IN_CLASS_FOLDER.search(name)) or name.split("/")[-1] in CSVS)
    if {name.split("/")[-1] for name in names} >= set(CSVS):
        tables = members(path, lambda name: name.split("/")[-1] in CSVS)
        found = {name.split("/")[-1]: content for name, content in tables}
        return _raw("archive with CSVs", path, partial(_by_csv, found, [path]))
    return _raw("archive of class folders", path, partial(_by_folder, [path])) if names else None


def _raw(kind: str, where: Path, photos: Callable[[], Photos]) -> Raw:
    return Raw(kind, where, partial(_prepare_photos, kind, where, photos))


def _prepare_photos(kind: str, where: Path, photos: Callable[[], Photos], folder: Path, progress: Progress) -> Pool:
    found = photos()
    places = places_of(found.names, all_classes("mini-imagenet", "ravi"), EXAMPLES, where)

    def decode_all(array: NDArray[np.uint8]) -> dict[str, Any]:
        return fill(array, places, found.images(), decode_photo, where, progress)

    return _write(folder, kind, where, found.files, decode_all)


def _prepare_pickles(where: Path, folder: Path, progress: Progress) -> Pool:
    files = [where / name for name in PICKLES]
    rows = {name: row for row, name in enumerate(all_classes("mini-imagenet", "ravi"))}
    return _write(folder, "three pickles", where, files, lambda array: fill_from_pickles(array, rows, files, progress))


def _write(folder: Path, kind: str, where: Path, files: list[Path], filler: Fill) -> Pool:
    manifest = {"dataset": "mini-imagenet", "source": source_record(kind, where, files), "pillow": PIL.__version__}
    return write_pool(folder, all_classes("mini-imagenet", "ravi"), EXAMPLES, PHOTO, filler, manifest)


def _by_csv(csvs: dict[str, bytes], stores: list[Path]) -> Photos:
    """Images by file name, wherever in `stores` they lie; their classes from the CSVs (file name -> content)."""
    names = defaultdict(list)
    for name, content in csvs.items():
        for line in csv.DictReader(io.StringIO(content.decode("utf-8-sig", errors="replace"))):
            if not line.get("filename") or not line.get("label"):
                raise DataError(f"{name} lacks a filename or label in {line}. Get the CSVs of Ravi and Larochelle.")
            names[line["label"]].append(line["filename"])
    wanted = {file for files in names.values() for file in files}

    def images() -> Iterator[tuple[str, bytes]]:
        for store in stores:
            for name, content in members(store, lambda name: name.split("/")[-1] in wanted):
                yield name.split("/")[-1], content

    files = [file for store in stores for file in ([store] if store.is_file() else store.rglob("*.jpg"))]
    return Photos(dict(names), images, files)


def _by_folder(stores: list[Path]) -> Photos:
    """Images by the class folder they lie in."""
    names = defaultdict(list)
    for store in stores:
        for name in member_names(store, _in_class_folder):
            names[_class_and_file(name)[0]].append("/".join(_class_and_file(name)))

    def images() -> Iterator[tuple[str, bytes]]:
        for store in stores:
            for name, content in members(store, _in_class_folder):
                yield "/".join(_class_and_file(name)), content

    files = [
        file
        for store in stores
        for file in ([store] if store.is_file() else (store / name for name in member_names(store, _in_class_folder)))
    ]
    return Photos(dict(names), images, files)


def _in_class_folder(name: str) -> bool:
    return IN_CLASS_FOLDER.search(name) is not None


def _class_and_file(name: str) -> tuple[str, str]:
    match = IN_CLASS_FOLDER.search(name)
    assert match is not None  # only names for which _in_class_folder holds come here
    return match[1], match[2]


def _image_places(folder: Path) -> list[Path]:
    """Where the JPEGs of a folder with CSVs are: its subfolder `images`, else its archives, else itself."""
    if (folder / "images").is_dir():
        return [folder / "images"]
    return list(archives_in(folder)) or [folder]


def _csvs_beside(folder: Path) -> dict[str, bytes]:
    return {name: content_of_file(folder / name) for name in CSVS}


def _has_class_folders(folder: Path) -> bool:
    """Whether class folders lie in `folder`, or at most two levels below it (`mini_imagenet/train/n01532829`)."""
    return any(
        match.is_dir() and re.fullmatch(r"n\d{8}", match.name)
        for pattern in ("n*", "*/n*", "*/*/n*")
        for match in folder.glob(pattern)
    )


def _all_or_none(folder: Path, names: tuple[str, ...]) -> bool:
    """Whether all of `names` are in `folder`; DataError where only some are."""
    there = [name for name in names if (folder / name).is_file()]
    if there and len(there) < len(names):
        lacking = next(name for name in names if name not in there)
        raise DataError(f"{folder} has {there[0]} but not {lacking}; {', '.join(names)} belong together. Add it.")
    return bool(there)
