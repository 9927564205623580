"""mini-ImageNet as JPEGs: images by class, from CSVs or from class folders."""

import csv
import io
import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from fewshot_bench.basics.errors import DataError
from fewshot_bench.basics.files import decoded
from fewshot_bench.data.archives import archives_in, files_of, member_names, members
from fewshot_bench.data.raw import Images

IN_CLASS_FOLDER = re.compile(r"(?:^|/)(n\d{8})/([^/.][^/]*\.jpe?g)$", re.IGNORECASE)


class Photos(NamedTuple):
    """names: class -> image names; images(): (image name, content) of each; files: those to hash for the record."""

    names: dict[str, list[str]]
    images: Callable[[], Images]
    files: list[Path]


def by_csv(tables: Mapping[str, bytes], place: Path) -> Photos:
    """Images by file name, in a folder or an archive; their classes from CSVs (file name -> content)."""
    names = defaultdict(list)
    for table, content in tables.items():
        for file, label in labels_in(table, content):
            names[label].append(file)
    wanted = {file for files in names.values() for file in files}
    stores = _stores(place, wanted)

    def is_wanted(name: str) -> bool:
        return last(name) in wanted

    def images() -> Images:
        return ((last(name), content) for store in stores for name, content in members(store, is_wanted))

    return Photos(dict(names), images, [file for store in stores for file in files_of(store, is_wanted)])


def by_folder(stores: Sequence[Path]) -> Photos:
    """Images by the class folder they lie in, in folders or archives."""
    names = defaultdict(list)
    for store in stores:
        for name in member_names(store, in_class_folder):
            names[class_of(name)].append(_class_and_file(name))

    def images() -> Images:
        return (
            (_class_and_file(name), content) for store in stores for name, content in members(store, in_class_folder)
        )

    return Photos(dict(names), images, [file for store in stores for file in files_of(store, in_class_folder)])


def in_class_folder(name: str) -> bool:
    return IN_CLASS_FOLDER.search(name) is not None


def class_of(name: str) -> str:
    """`mini/train/n01532829/n0153282900000005.jpg` -> `n01532829`."""
    return _class_and_file(name).partition("/")[0]


def last(name: str) -> str:
    """`images/n0153282900000005.jpg` -> `n0153282900000005.jpg`."""
    return name.rpartition("/")[2]


def _stores(place: Path, wanted: set[str]) -> Sequence[Path]:
    """Where the images are: the archive itself; or in a folder: `images`, the whole folder, or else its archives."""
    if not place.is_dir():
        return [place]
    folders = [folder for folder in (place / "images", place) if folder.is_dir()]
    for folder in folders:
        if wanted <= {last(name) for name in member_names(folder, lambda name: last(name) in wanted)}:
            return [folder]
    return archives_in(place) or folders[:1]


def _class_and_file(name: str) -> str:
    """`mini/train/n01532829/n0153282900000005.jpg` -> `n01532829/n0153282900000005.jpg`."""
    match = IN_CLASS_FOLDER.search(name)
    assert match is not None  # only names for which in_class_folder holds come here
    return f"{match[1]}/{match[2]}"


def labels_in(where: str, content: bytes) -> list[tuple[str, str]]:
    """(file name without its folder, label) of every line of a CSV with the columns `filename` and `label`.

    The text is UTF-8 or UTF-16, with commas, semicolons or tabs. Raises DataError for anything else.
    """
    try:
        text = decoded(content)
        header = text.partition("\n")[0]
        lines = csv.DictReader(io.StringIO(text), delimiter=next((mark for mark in "\t;" if mark in header), ","))
        lines.fieldnames = [name.strip().lower() for name in lines.fieldnames or ()]
        return [_file_and_label(where, line) for line in lines]
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{where} is not a table in UTF-8 or UTF-16 ({error}). Get it again.") from error


def _file_and_label(where: str, line: dict[str, str | None]) -> tuple[str, str]:
    name, label = ((line.get(column) or "").strip() for column in ("filename", "label"))
    if not name or not label:
        raise DataError(f"{where} lacks a filename or label in {line}. Get the CSVs of Ravi and Larochelle.")
    return re.split(r"[/\\]", name)[-1], label
