"""tieredImageNet in three layouts: class folders, pickles of PNGs, and arrays, the last two with labels beside them."""

import re
import zipfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import closing
from functools import partial
from itertools import chain
from pathlib import Path
from typing import IO, Any

import numpy as np
from PIL import Image

from fewshot_bench.basics.counting import counted
from fewshot_bench.basics.errors import DataError
from fewshot_bench.data.archives import explained_read_errors, files_of, member_names, members
from fewshot_bench.data.raw import Decoded, Images, Labelled, decode_photo, photo
from fewshot_bench.data.splits import PARTS, Part
from fewshot_bench.data.unpickling import load, opened, text_of

SIDE = 84  # pixels, of the images in arrays
IN_CLASS_FOLDER = re.compile(r"^(?:train|val|test)/n\d{8}/[^/.][^/]*\.(?:jpe?g|png)$", re.IGNORECASE)


def from_folders(where: Path, size: int) -> Labelled:
    """Photographs at `train/n02056570/x.jpg`, and so on."""

    def is_wanted(name: str) -> bool:
        return IN_CLASS_FOLDER.match(name) is not None

    def images() -> Images:
        return ((name, content) for name, content in members(where, is_wanted))

    names = defaultdict(list)
    for name in member_names(where, is_wanted):
        names[name.rpartition("/")[0]].append(name)
    return Labelled(dict(names), images, partial(decode_photo, side=size), files_of(where, is_wanted))


def from_pickles(where: Path, size: int) -> Labelled:
    """PNGs in a list, one pickle a part, as the authors published them: Pillow's reading of them, as torchmeta's.

    One pickle is in memory at a time.
    """
    labels = {part: _labels(where / f"{part}_labels.pkl") for part in PARTS}

    def images() -> Images:
        for part in PARTS:
            yield from _pngs(where / f"{part}_images_png.pkl", part, len(labels[part]))

    return Labelled(_names(labels), images, partial(decode_photo, side=size), _files(where, "{}_images_png.pkl"))


def from_arrays(where: Path, size: int) -> Labelled:
    """Arrays `images` uint8 [n, 84, 84, 3] in npz files; they are read image by image."""
    labels = {part: _labels(where / f"{part}_labels.pkl") for part in PARTS}

    def images() -> Images:
        for part in PARTS:
            yield from _rows(where / f"{part}_images.npz", part, len(labels[part]))

    return Labelled(_names(labels), images, partial(_decode_row, size), _files(where, "{}_images.npz"))


def _labels(path: Path) -> list[str]:
    """The class of each image: its English name, or its number in three digits if the pickle has no names."""
    content = _content(path)
    keys = {text_of(key): value for key, value in content.items()} if isinstance(content, dict) else {}
    numbers = keys.get("label_specific", keys.get("labels"))
    if not isinstance(numbers, list | np.ndarray) or not all(_is_label(number) for number in numbers):
        raise DataError(f"{path} holds no label_specific, and no labels, of whole numbers. Get the original file.")
    names = [text_of(name) for name in keys.get("label_specific_str", ())]
    if len(set(names)) < len(names):
        raise DataError(f"{path}: two classes have one name. Get the original file.")
    if names and any(number >= len(names) for number in numbers):
        raise DataError(f"{path}: a label is beyond the {counted(len(names), 'class')} named. Get the original file.")
    return [names[number] if names else f"{number:03d}" for number in map(int, numbers)]


def _is_label(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and int(value) >= 0


def _names(labels: Mapping[Part, list[str]]) -> dict[str, list[str]]:
    """`train/hotdog` -> names of its images, `train/0000017`, in the order of the file."""
    names = defaultdict(list)
    for part, classes in labels.items():
        for index, label in enumerate(classes):
            names[f"{part}/{label}"].append(_name(part, index))
    return dict(names)


def _name(part: str, index: int) -> str:
    """In digits enough that names sort as numbers."""
    return f"{part}/{index:07d}"


def _pngs(path: Path, part: str, expected: int) -> Iterator[tuple[str, bytes]]:
    content = _content(path)
    if not isinstance(content, list) or len(content) != expected:
        found = counted(len(content), "image") if isinstance(content, list) else f"a {type(content).__name__}"
        raise DataError(
            f"{path} holds {found}, its labels are of {counted(expected, 'image')}. Get the original files."
        )
    for index, image in enumerate(content):
        yield _name(part, index), image if isinstance(image, bytes) else _bytes(path, index, image)


def _bytes(path: Path, index: int, image: Any) -> bytes:
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8:
        raise DataError(f"{path}: image {index} is no array of bytes, as PNGs are there. Get the original file.")
    return image.tobytes()


def _rows(path: Path, part: str, expected: int) -> Iterator[tuple[str, bytes]]:
    with explained_read_errors(path), zipfile.ZipFile(path) as archive:
        if "images.npy" not in archive.namelist():
            raise DataError(f"{path} holds no array `images`. Get the original file.")
        with archive.open("images.npy") as file:
            shape = _shape(path, file)
            if shape != (expected, SIDE, SIDE, 3):
                raise DataError(
                    f"{path}: `images` is {shape}, not uint8 ({expected}, {SIDE}, {SIDE}, 3) as its labels say. Get "
                    "the original files."
                )
            for index in range(expected):
                pixels = file.read(SIDE * SIDE * 3)
                if len(pixels) < SIDE * SIDE * 3:
                    raise DataError(f"{path} ends within image {index} of {expected}. Download it again.")
                yield _name(part, index), pixels


def _shape(path: Path, file: IO[bytes]) -> tuple[int, ...]:
    """The shape in an npy's header, after which its pixels follow. () for other pixels than bytes in rows."""
    try:
        version = np.lib.format.read_magic(file)
        header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, by_columns, dtype = header(file)
    except ValueError as error:
        raise DataError(f"{path}: `images` is no array ({error}). Get the original file.") from error
    return () if by_columns or dtype != np.uint8 else tuple(shape)


def _decode_row(size: int, name: str, content: bytes) -> Decoded:
    return photo(name, Image.fromarray(np.frombuffer(content, np.uint8).reshape(SIDE, SIDE, 3)), size)


def _content(path: Path) -> Any:
    with closing(opened([path])) as pickles:
        return next(load(name, file) for name, file in pickles)


def _files(where: Path, images: str) -> list[Path]:
    return list(chain.from_iterable((where / images.format(part), where / f"{part}_labels.pkl") for part in PARTS))
