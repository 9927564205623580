"""CIFAR-100 in three layouts: the Python archive's pickles, the binary archive's records, and class folders of PNGs."""

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fewshot_bench.basics.errors import DataError
from fewshot_bench.data.archives import extracted, files_of, member_names, members
from fewshot_bench.data.raw import Decoded, Images, Labelled, opened_image
from fewshot_bench.data.unpickling import Pickles, load, opened, text_of

SIDE = 32  # pixels
PIXELS = 3 * SIDE * SIDE  # bytes of an image: its red, green and blue plane
RECORD = 2 + PIXELS  # bytes of a record of the binary archive: superclass, class, image
LARGEST = 1 << 28  # bytes of a pickle; the training images take 154 MB

PICKLES = ("train", "test", "meta")
RECORDS = ("train.bin", "test.bin", "fine_label_names.txt")
IN_CLASS_FOLDER = re.compile(r"(?:^|/)([^/]+)/[^/.][^/]*\.png$", re.IGNORECASE)


def is_pickle(name: str) -> bool:
    """Whether a file is one of the Python archive's: in a folder of its name, or in none."""
    return re.fullmatch(r"(?:(?:.*/)?cifar-100-python/)?(?:train|test|meta)", name) is not None


def is_record(name: str) -> bool:
    """Whether a file is one of the binary archive's: in a folder of its name, or in none."""
    return re.sub(r"^(?:.*/)?cifar-100-binary/", "", name) in RECORDS


def class_of(name: str) -> str:
    """The class folder of a PNG: `train/apple/apple_s_000027.png` -> `apple`; "" if `name` is no such file."""
    found = IN_CLASS_FOLDER.search(name)
    return found[1] if found else ""


def from_pickles(where: Path, classes: Sequence[str], folder: Path) -> Labelled:
    """Images of the Python archive, as an archive or its folder. folder: a place for temporary copies.

    Raises DataError for pickles that hold something else. Nothing in them is run.
    """
    with closing(_pickles(where, folder)) as pickles:
        content = {re.split(r"[/\\]", name)[-1]: _keyed(name, file) for name, file in pickles}
    _check_complete(where, PICKLES, content)
    listed = [text_of(name) for name in _list(content["meta"].get("fine_label_names"))]
    _check_classes(f"{where}/meta", listed, classes)
    parts = {}
    for part in ("train", "test"):
        images, labels = content[part].get("data"), _list(content[part].get("fine_labels"))
        if not isinstance(images, np.ndarray) or images.dtype != np.uint8 or images.shape != (len(labels), PIXELS):
            raise DataError(f"{where}/{part} holds no data and fine_labels of CIFAR-100. Get the original file.")
        parts[part] = (images, labels)
    return _from_arrays(where, parts, classes, is_pickle)


def from_records(where: Path, classes: Sequence[str], folder: Path) -> Labelled:
    """Images of the binary archive, as an archive or its folder. Raises DataError for other content."""
    del folder  # no temporary copies
    content = {name.rpartition("/")[2]: stored for name, stored in members(where, is_record)}
    _check_complete(where, RECORDS, content)
    listed = content[RECORDS[2]].decode("latin1").split()
    _check_classes(f"{where}/{RECORDS[2]}", listed, classes)
    parts = {}
    for part in RECORDS[:2]:
        if len(content[part]) % RECORD:
            raise DataError(f"{where}/{part} is cut short or another file: records have {RECORD} bytes. Get it again.")
        records = np.frombuffer(content[part], np.uint8).reshape(-1, RECORD)
        parts[part] = (records[:, 2:], records[:, 1].tolist())
    return _from_arrays(where, parts, classes, is_record)


def from_folders(where: Path, classes: Sequence[str], folder: Path) -> Labelled:
    """PNGs by class folder, in a folder or an archive; folders above them, such as train and test, are merged."""
    del folder

    def is_wanted(name: str) -> bool:
        return class_of(name) in classes

    names = defaultdict(list)
    for name in member_names(where, is_wanted):
        names[class_of(name)].append(name)

    def images() -> Images:
        return ((name, content) for name, content in members(where, is_wanted))

    return Labelled(dict(names), images, _png, files_of(where, is_wanted))


def resized(pixels: NDArray[np.uint8], side: int) -> Decoded:
    """An image [3, 32, 32] at the size of the pool, by Pillow's bicubic filter if that is another."""
    if side == SIDE:
        return Decoded(pixels, "none")
    image = Image.fromarray(pixels.transpose(1, 2, 0)).resize((side, side))
    return Decoded(np.asarray(image).transpose(2, 0, 1), "bicubic (Pillow's default)")


def _from_arrays(
    where: Path,
    parts: dict[str, tuple[NDArray[np.uint8], list[int]]],
    classes: Sequence[str],
    is_ours: Callable[[str], bool],
) -> Labelled:
    """parts: file name -> (images [n, 3072], label of each)."""
    names = defaultdict(list)
    for part, (_, labels) in parts.items():
        for row, label in enumerate(labels):
            if isinstance(label, bool) or not isinstance(label, int | np.integer) or not 0 <= label < len(classes):
                raise DataError(f"{where}/{part}: image {row} has label {label!r}, not 0 to 99. Get the original file.")
            names[classes[int(label)]].append(f"{part}/{row}")

    def images() -> Images:
        yield from (
            (f"{part}/{row}", image.tobytes()) for part, (array, _) in parts.items() for row, image in enumerate(array)
        )

    return Labelled(dict(names), images, _planes, files_of(where, is_ours))


def _planes(name: str, content: bytes) -> Decoded:
    return Decoded(np.frombuffer(content, np.uint8).reshape(3, SIDE, SIDE), "none")


def _png(name: str, content: bytes) -> Decoded:
    image = opened_image(name, content)
    if image.mode != "RGB" or image.size != (SIDE, SIDE):
        size = "x".join(map(str, image.size))
        raise DataError(f"{name} is {image.mode} {size}, not RGB 32x32 as CIFAR-100 is. Use images as published.")
    return Decoded(np.asarray(image).transpose(2, 0, 1), "none")


def _pickles(where: Path, folder: Path) -> Pickles:
    if where.is_dir():
        return opened([where / name for name in PICKLES if (where / name).is_file()])
    return extracted(where, is_pickle, LARGEST, folder)


def _keyed(name: str, file: IO[bytes]) -> dict[str, Any]:
    content = load(name, file)
    if not isinstance(content, dict):
        raise DataError(f"{name} is another pickle than CIFAR-100's. Get the original file.")
    return {text_of(key): value for key, value in content.items()}


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple | np.ndarray) else []


def _check_complete(where: Path, names: Sequence[str], content: dict[str, Any]) -> None:
    missing = [name for name in names if name not in content]
    if missing:
        raise DataError(f"{where} has no {missing[0]}; {', '.join(names)} belong together. Get the whole archive.")


def _check_classes(where: str, listed: Sequence[str], classes: Sequence[str]) -> None:
    if list(listed) != list(classes):
        raise DataError(f"{where} does not list the 100 classes of CIFAR-100 by name. Get the original archive.")
