"""CIFAR-FS and FC100: the 100 classes of CIFAR-100, 600 images each, 32x32, divided in two ways.

CIFAR-FS divides them at random (Bertinetto et al. 2019), FC100 by superclass (Oreshkin et al. 2018). Recognised, as an
archive or the folder inside it: cifar-100-python (its pickles), cifar-100-binary, and class folders of PNGs, also under
train and test, whose images are merged.
"""

import hashlib
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import PIL
from numpy.typing import NDArray

from fewshot_bench.basics.about import AboutDataset
from fewshot_bench.basics.images import ImageShape
from fewshot_bench.data.archives import any_of_first, archives_in, is_archive, member_names
from fewshot_bench.data.cifar_100_files import (
    PICKLES,
    RECORDS,
    SIDE,
    class_of,
    from_folders,
    from_pickles,
    from_records,
    is_pickle,
    is_record,
    resized,
)
from fewshot_bench.data.dataset import Dataset, Download, check_size
from fewshot_bench.data.pool import Pool, Progress, write_pool
from fewshot_bench.data.raw import Decoded, Labelled, Raw, fill, places_of, source_record
from fewshot_bench.data.splits import all_classes, known_duplicates, read_splits
from fewshot_bench.data.walking import folders_below

EXAMPLES = 600
LAYOUTS = (
    "cifar-100-python.tar.gz or its folder (train, test and meta), cifar-100-binary.tar.gz or its folder (train.bin, "
    "test.bin and fine_label_names.txt), or class folders of PNGs (apple/*.png, also under train and test) or an "
    "archive of them"
)
SOME = 10  # class folders that show what a folder holds: other data may have a folder called apple

MEAN = (129.37731888 / 255, 124.10583864 / 255, 112.47758569 / 255)
STD = (68.20947949 / 255, 65.43124043 / 255, 70.45866994 / 255)
"""Of all 60,000 images, as the loaders of kjunelee/MetaOptNet have them (data/CIFAR_FS.py, data/FC100.py)."""

DOWNLOAD = Download(  # MD5 as torchvision lists it (torchvision/datasets/cifar.py)
    "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",
    "cifar-100-python.tar.gz",
    "eb9058c3a382ffc7106e4002c42a8d85",
)

NAMES: dict[str, AboutDataset] = {
    "cifar-fs": {
        "title": "CIFAR-FS",
        "licence": "CIFAR-100's authors state none and ask that their report is cited",
        "cite": {"bertinetto2019": "the dataset", "krizhevsky2009": "CIFAR-100, whose images these are"},
        "splits": {"bertinetto": {"bertinetto2019": "the 64, 16 and 20 classes of its parts"}},
    },
    "fc100": {
        "title": "FC100",
        "licence": "CIFAR-100's authors state none and ask that their report is cited",
        "cite": {"oreshkin2018": "the dataset", "krizhevsky2009": "CIFAR-100, whose images these are"},
        "splits": {"oreshkin": {"oreshkin2018": "the 12, 4 and 4 superclasses of its parts"}},
    },
}

KNOWN_POOLS = {
    # All 60,000 PNGs of cyizhuo/CIFAR-100-dataset; mean and deviation of each channel are, to all digits, those
    # published: MEAN and STD above, and those of the 50,000 training images, 0.5070751592371323,
    # 0.48654887331495095, 0.4409178433670343 and 0.2673342858792401, 0.2564384629170883, 0.27615047132568404
    # (weiaicunzai/pytorch-cifar100, conf/global_settings.py).
    "581aa0a72147f40698f87d3a8033144b0659aacd149fc594cf61939f1396a5dc": (
        "CIFAR-100, the 60,000 images as published, not resized"
    ),
}
"""Hashes of pools whose source was checked. Another hash is no error, but then the pixels are not these."""


def cifar_fs(*, size: int = SIDE) -> Dataset:
    """CIFAR-100's classes, 64, 16 and 20 at random (Bertinetto et al., ICLR 2019).

    Args:
        size: Height and width of its images, in pixels.
    """
    return _dataset("cifar-fs", "bertinetto", size)


def fc100(*, size: int = SIDE) -> Dataset:
    """CIFAR-100's classes, 60, 20 and 20 of 12, 4 and 4 superclasses (Oreshkin et al., NeurIPS 2018).

    Args:
        size: Height and width of its images, in pixels.
    """
    return _dataset("fc100", "oreshkin", size)


def _dataset(name: str, split: str, size: int) -> Dataset:
    check_size(name, size)
    return Dataset(
        name=name,
        shape=ImageShape(3, size, size),
        splits=read_splits(name, (split,)),
        find_raw=partial(find_cifar_100, name=name, size=size),
        layouts=LAYOUTS,
        examples=EXAMPLES,
        mean=MEAN,
        std=STD,
        title=NAMES[name]["title"],
        folders=("cifar-100",),
        downloads=(DOWNLOAD,),
        known_pools=KNOWN_POOLS,
        duplicates=known_duplicates("cifar-100"),
        variant="" if size == SIDE else str(size),
    )


def find_cifar_100(path: Path, name: str = "cifar-fs", size: int = SIDE) -> Raw | None:
    """The raw CIFAR-100 at `path`, None if there is none. Raises DataError if it is a damaged archive.

    name: the dataset that the pool will be of. size: of the pool's images, in pixels a side.
    """
    found = _find(path.parent if path.is_file() and path.name in PICKLES + RECORDS else path)
    return found and Raw(found.kind, found.where, partial(_prepare, found, name, size))


class _Found(NamedTuple):
    """Raw data in one of the layouts. read(where, class names, folder for temporary files): its images."""

    kind: str
    where: Path
    read: Callable[[Path, Sequence[str], Path], Labelled]


def _find(path: Path) -> _Found | None:
    if is_archive(path):
        return _in_archive(path, asked_for=True)
    for place in (path, path / "cifar-100-python"):
        if (place / "meta").is_file() and any((place / name).is_file() for name in ("train", "test")):
            return _Found("pickles", place, from_pickles)
    for place in (path, path / "cifar-100-binary"):
        if all((place / name).is_file() for name in RECORDS[1:]):
            return _Found("binary records", place, from_records)
    if path.is_dir() and len({below.name for below in folders_below(path, 3)} & set(_expected())) >= SOME:
        return _Found("class folders", path, from_folders)
    found = (_in_archive(archive) for archive in archives_in(path))
    return next((one for one in found if one), None)


def _in_archive(path: Path, asked_for: bool = False) -> _Found | None:
    """What an archive holds, by its first files. DataError if one is damaged that is asked for, or called CIFAR-100."""

    def has(is_ours: Callable[[str], bool]) -> bool:
        return any_of_first(path, is_ours)

    if has(is_pickle):
        return _Found("archive of pickles", path, from_pickles)
    if has(lambda name: is_record(name) and not name.endswith(".bin")):  # other archives have a train.bin too
        return _Found("archive of binary records", path, from_records)
    if has(lambda name: class_of(name) in _expected()):
        return _Found("archive of class folders", path, from_folders)
    if asked_for or "cifar-100" in path.name.lower():
        member_names(path, is_pickle)  # raises if it cannot be read
    return None


def _expected() -> tuple[str, ...]:
    """The 100 classes by name, the order of their labels in CIFAR-100."""
    return all_classes("cifar-fs", "bertinetto")


def _prepare(found: _Found, name: str, size: int, folder: Path, progress: Progress) -> Pool:
    raw = found.read(found.where, _expected(), folder)
    places = places_of(raw.names, _expected(), EXAMPLES, found.where)

    def decode(image: str, content: bytes) -> Decoded:
        return resized(raw.decode(image, content).pixels, size)

    def fill_in_order(array: NDArray[np.uint8]) -> dict[str, Any]:
        learned = fill(array, places, raw.images(), decode, found.where, progress)
        for first in range(0, len(array), EXAMPLES):
            _order(array[first : first + EXAMPLES])
        return learned

    manifest = {"dataset": name, "source": source_record(found.kind, found.where, raw.files), "pillow": PIL.__version__}
    return write_pool(folder, _expected(), EXAMPLES, ImageShape(3, size, size), fill_in_order, manifest, KNOWN_POOLS)


def _order(images: NDArray[np.uint8]) -> None:
    """Sort the images of a class by the SHA-256 of their pixels, in place: class folders lack the archives' order."""
    images[:] = images[sorted(range(len(images)), key=lambda row: hashlib.sha256(images[row].tobytes()).digest())]
