"""mini-ImageNet: 100 classes of ImageNet, 600 images each, 84x84 (Vinyals et al. 2016; Ravi & Larochelle 2017).

Recognised, in a folder or as the path itself: train.csv, val.csv and test.csv, also in `split/`, with a folder or
archives of JPEGs beside them or all in one archive; class folders (n01532829/..., also under train, val, test), in
archives too; and the three mini-imagenet-cache-{train,val,test}.pkl, in an archive too.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import PIL
from numpy.typing import NDArray

from fewshot_bench.basics.about import AboutDataset
from fewshot_bench.basics.errors import DataError
from fewshot_bench.basics.images import ImageShape
from fewshot_bench.data.archives import (
    any_of_first,
    archives_in,
    content_of_file,
    extracted,
    is_archive,
    member_names,
    members,
)
from fewshot_bench.data.dataset import IMAGENET_MEAN, IMAGENET_STD, Dataset, check_size
from fewshot_bench.data.mini_imagenet_photos import (
    Photos,
    by_csv,
    by_folder,
    class_of,
    in_class_folder,
    last,
)
from fewshot_bench.data.mini_imagenet_pickles import LARGEST, fill_from_pickles
from fewshot_bench.data.pool import Fill, Pool, Progress, write_pool
from fewshot_bench.data.raw import PHOTO, Raw, decode_photo, fill, places_of, source_record
from fewshot_bench.data.splits import all_classes, known_duplicates, read_splits
from fewshot_bench.data.unpickling import Pickles, opened
from fewshot_bench.data.walking import folders_below, is_dead_link

EXAMPLES = 600
LAYOUTS = (
    "train.csv, val.csv and test.csv (also in `split/`) with their JPEGs in `images/` or in tar or zip archives, class "
    "folders (n01532829/*.jpg, also under train, val, test) or archives of them, or "
    "mini-imagenet-cache-{train,val,test}.pkl, also in an archive"
)
CSVS = ("train.csv", "val.csv", "test.csv")
SPLIT_FOLDERS = ("split", "splits")  # beside `images/`
PICKLES = tuple(f"mini-imagenet-cache-{part}.pkl" for part in ("train", "val", "test"))


NAMES: dict[str, AboutDataset] = {
    "mini-imagenet": {
        "title": "mini-ImageNet",
        "licence": "ImageNet's terms: non-commercial research and education, no passing on",
        "cite": {
            "vinyals2016": "the 100 classes of 600 images",
            "russakovsky2015": "ImageNet, whose photographs these are",
        },
        "splits": {
            "ravi": {"ravi2017": "the 64, 16 and 20 classes of its parts"},
            "gimli-fork": {"grefenstette2019": "its released configuration shuffles the classes so"},
            "all": {"chen2019": "all 100 classes train, for tests on another dataset"},
        },
    },
}

KNOWN_POOLS = {
    # The JPEGs that the CSVs of Ravi and Larochelle name, all 60,000, at 84x84 as they came (most likely OpenCV's area
    # filter); decoded by libjpeg-turbo, other JPEG decoders may differ by a grey level here and there.
    "26f943a4f4547361fec2ae6991fe4237e2883fb6ed32fce9cb465cadcda35785": (
        "mini-ImageNet, the 84x84 JPEGs of Ravi and Larochelle's CSVs, not resized"
    ),
}
"""Hashes of pools whose source was checked. Another hash is no error, but then the pixels are not these."""


def mini_imagenet(*, size: int = 84) -> Dataset:
    """100 classes of ImageNet, 600 images each, 84x84 (Vinyals et al. 2016; Ravi & Larochelle 2017).

    Args:
        size: Height and width of its images, in pixels. Files that hold 84x84 images are enlarged or reduced.
    """
    check_size("mini-imagenet", size)
    return Dataset(
        name="mini-imagenet",
        shape=ImageShape(3, size, size),
        splits=read_splits("mini-imagenet", ("ravi", "gimli-fork", "all")),
        find_raw=partial(find_mini_imagenet, size=size),
        layouts=LAYOUTS,
        examples=EXAMPLES,
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        title=NAMES["mini-imagenet"]["title"],
        folders=("mini_imagenet", "mini-imagenet"),
        not_offered=(
            "mini-imagenet has no download here: ImageNet's terms restrict passing it on, and no source has a "
            "checksum that was checked for this package. Get a copy, then run "
            "`fewshot-bench data import mini-imagenet --from PATH`."
        ),
        known_pools=KNOWN_POOLS,
        duplicates=known_duplicates("mini-imagenet"),
        variant="" if size == PHOTO.width else str(size),
    )


def find_mini_imagenet(path: Path, size: int = PHOTO.width) -> Raw | None:
    """The raw mini-ImageNet at `path`, None if there is none. Raises DataError if some of its files are missing.

    size: of the pool's images, in pixels a side.
    """
    found = _find(path)
    return found and Raw(found.kind, found.where, partial(found.prepare, size))


class _Found(NamedTuple):
    """Raw data in one of the layouts. prepare(size, folder, progress): see Raw."""

    kind: str
    where: Path
    prepare: Callable[[int, Path, Progress], Pool]


def _find(path: Path) -> _Found | None:
    if path.name in CSVS + PICKLES:
        path = path.parent
    if path.name in SPLIT_FOLDERS and _tables(path):
        path = path.parent
    if path.is_dir():
        return _in_folder(path)
    if not is_archive(path):
        return None
    tables = _tables(path.parent)
    if tables and not any_of_first(path, _is_pickle):
        return _photos("three CSVs and JPEGs", path, partial(by_csv, tables, path))
    return _in_archives({path: _telling_names(path)})


def _in_folder(folder: Path) -> _Found | None:
    if _all_or_none(folder, PICKLES):
        files = [folder / name for name in PICKLES]
        return _pickles("three pickles", folder, files, lambda pool: opened(files))
    for place in (folder, *(folder / name for name in SPLIT_FOLDERS)):
        if tables := _tables(place):
            return _photos("three CSVs and JPEGs", folder, partial(by_csv, tables, folder))
    if any(re.fullmatch(r"n\d{8}", below.name) for below in folders_below(folder, 3)):  # mini_imagenet/train/n01532829
        return _photos("class folders", folder, partial(by_folder, [folder]))
    return _in_archives({archive: names for archive in archives_in(folder) if (names := _names_if_ours(archive))})


def _in_archives(found: Mapping[Path, Sequence[str]]) -> _Found | None:
    """The raw data that several archives hold together. found: archive -> its member names that show its layout."""
    for archive, names in found.items():
        lasts = {last(name) for name in names}
        if _all_or_none(archive, PICKLES, lasts):
            return _pickles("archive of pickles", archive, [archive], partial(extracted, archive, _is_pickle, LARGEST))
        if lasts >= set(CSVS):
            tables = {last(name): content for name, content in members(archive, _is_table)}
            return _photos("archive with CSVs", archive, partial(by_csv, tables, archive))
    stores = [archive for archive, names in found.items() if _classes(names)]
    whole = [archive for archive in stores if _classes(found[archive]) >= set(_expected())]
    stores = whole[:1] or stores
    if len(stores) > 1:
        return _photos("archives of class folders", stores[0].parent, partial(by_folder, stores))
    return _photos("archive of class folders", stores[0], partial(by_folder, stores)) if stores else None


def _names_if_ours(archive: Path) -> list[str]:
    """The member names that show the layout of an archive in a folder; none for an archive of another dataset.

    It belongs to mini-ImageNet if its name says so, even if it is broken, or if its first files are of our classes.
    """
    if re.search("mini.?imagenet", archive.name.lower()):
        return _telling_names(archive)
    if not any_of_first(archive, lambda name: in_class_folder(name) or _is_pickle(name)):
        return []
    names = _telling_names(archive)
    return names if _classes(names) <= set(_expected()) else []  # all of ImageNet has more classes


def _telling_names(archive: Path) -> list[str]:
    return member_names(archive, lambda name: in_class_folder(name) or _is_table(name) or _is_pickle(name))


def _classes(names: Sequence[str]) -> set[str]:
    return {class_of(name) for name in names if in_class_folder(name)}


def _expected() -> tuple[str, ...]:
    return all_classes("mini-imagenet", "ravi")


def _is_table(name: str) -> bool:
    return last(name) in CSVS


def _is_pickle(name: str) -> bool:
    return last(name) in PICKLES


def _tables(folder: Path) -> dict[str, bytes]:
    """The content of the three CSVs in a folder, by file name; empty if there are none."""
    return {name: content_of_file(folder / name) for name in CSVS} if _all_or_none(folder, CSVS) else {}


def _all_or_none(where: Path, names: tuple[str, ...], among: Collection[str] | None = None) -> bool:
    """Whether all of `names` are in a folder, or `among` the names in an archive; DataError if only some are."""
    there = [name for name in names if (name in among if among is not None else (where / name).is_file())]
    if there and len(there) < len(names):
        lacking = next(name for name in names if name not in there)
        if is_dead_link(where / lacking):
            raise DataError(f"{where / lacking} is a link to a file that does not exist. Mend the link.")
        raise DataError(f"{where} has {there[0]} but not {lacking}; {', '.join(names)} belong together. Add it.")
    return bool(there)


def _photos(kind: str, where: Path, photos: Callable[[], Photos]) -> _Found:
    return _Found(kind, where, partial(_prepare_photos, kind, where, photos))


def _prepare_photos(
    kind: str, where: Path, photos: Callable[[], Photos], size: int, folder: Path, progress: Progress
) -> Pool:
    found = photos()
    places = places_of(found.names, _expected(), EXAMPLES, where)

    def decode_all(array: NDArray[np.uint8]) -> dict[str, Any]:
        return fill(array, places, found.images(), partial(decode_photo, side=size), where, progress)

    return _write(folder, kind, where, found.files, size, decode_all)


def _pickles(kind: str, where: Path, files: list[Path], pickles: Callable[[Path], Pickles]) -> _Found:
    """pickles(folder): yields the open files; `folder` may hold temporary copies of them."""

    def prepare(size: int, folder: Path, progress: Progress) -> Pool:
        if size != PHOTO.width:
            raise DataError(
                f"{where} holds pickles of 84x84 images; `size` = {size} needs the photographs. Import JPEGs, or leave "
                "out `size`."
            )
        rows = {name: row * EXAMPLES for row, name in enumerate(_expected())}

        def copy_all(array: NDArray[np.uint8]) -> dict[str, Any]:
            return fill_from_pickles(array, rows, EXAMPLES, pickles(folder), where, progress)

        return _write(folder, kind, where, files, size, copy_all)

    return _Found(kind, where, prepare)


def _write(folder: Path, kind: str, where: Path, files: list[Path], size: int, filler: Fill) -> Pool:
    manifest = {"dataset": "mini-imagenet", "source": source_record(kind, where, files), "pillow": PIL.__version__}
    return write_pool(folder, _expected(), EXAMPLES, ImageShape(3, size, size), filler, manifest, KNOWN_POOLS)
