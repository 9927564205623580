"""CUB-200-2011: photographs of 200 species of birds (Wah et al. 2011), divided as by Chen et al. 2019.

Recognised: CUB_200_2011.tgz, a folder into which it was unpacked, and the 200 class folders
(001.Black_footed_Albatross/*.jpg), also in an archive. Bounding boxes are not used.
"""

import re
from collections import defaultdict
from functools import partial
from pathlib import Path

import PIL

from fewshot_bench.basics.about import AboutDataset
from fewshot_bench.basics.counting import counted
from fewshot_bench.basics.errors import DataError
from fewshot_bench.basics.images import ImageShape
from fewshot_bench.data.archives import any_of_first, archives_in, files_of, is_archive, member_names, members
from fewshot_bench.data.dataset import IMAGENET_MEAN, IMAGENET_STD, Dataset, check_size
from fewshot_bench.data.pool import Pool, Progress, write_pool
from fewshot_bench.data.raw import PHOTO, Raw, decode_photo, fill, places_of, source_record
from fewshot_bench.data.splits import all_classes, read_splits
from fewshot_bench.data.walking import folders_below

IMAGES = 11_788  # 41 to 60 of each class
LAYOUTS = (
    "CUB_200_2011.tgz, the folder CUB_200_2011 inside it, or its 200 class folders (001.Black_footed_Albatross/*.jpg), "
    "also in an archive"
)
PHOTOGRAPH = re.compile(r"(?:^|/)(\d{3}\.[^/]+)/([^/.][^/]*\.jpe?g)$", re.IGNORECASE)

NAMES: dict[str, AboutDataset] = {
    "cub": {
        "title": "CUB",
        "licence": "the photographers' own; Caltech offers them for non-commercial research and education",
        "cite": {"wah2011": "the photographs"},
        "splits": {"chen": {"chen2019": "every second class trains, the others validate and test in turn"}},
    },
}


def cub(*, size: int = PHOTO.width) -> Dataset:
    """200 species of birds, 41 to 60 photographs each (Wah et al. 2011), 84x84.

    Args:
        size: Height and width of its images, in pixels. Photographs are resized to a square, whatever their shape.
    """
    check_size("cub", size)
    return Dataset(
        name="cub",
        shape=ImageShape(3, size, size),
        splits=read_splits("cub", ("chen",)),
        find_raw=partial(find_cub, size=size),
        layouts=LAYOUTS,
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        title=NAMES["cub"]["title"],
        folders=("cub", "CUB_200_2011"),
        not_offered=(
            "cub has no download here: Caltech has moved CUB_200_2011.tgz more than once, and no address of it is "
            "checked for this package. Get it from the page of Caltech-UCSD Birds-200-2011 at data.caltech.edu, then "
            "run `fewshot-bench data import cub --from PATH`."
        ),
        duplicates=None,
        variant="" if size == PHOTO.width else str(size),
    )


def find_cub(path: Path, size: int = PHOTO.width) -> Raw | None:
    """The raw CUB at `path`, None if there is none. Raises DataError if it is a damaged archive.

    size: of the pool's images, in pixels a side.
    """
    if is_archive(path):
        return _in_archive(path, size, asked_for=True)
    if path.is_dir() and any(below.name in _expected() for below in folders_below(path, 3)):
        return _raw("class folders", path, size)
    found = (_in_archive(archive, size) for archive in archives_in(path))
    return next((raw for raw in found if raw), None)


def _in_archive(path: Path, size: int, asked_for: bool = False) -> Raw | None:
    """The raw CUB in an archive. DataError if it is damaged and asked for, or called CUB_200_2011."""
    if asked_for or path.name.lower().startswith("cub_200_2011"):
        return _raw("archive", path, size) if member_names(path, _is_ours) else None
    return _raw("archive", path, size) if any_of_first(path, _is_ours) else None


def _raw(kind: str, where: Path, size: int) -> Raw:
    return Raw(kind, where, partial(_prepare, kind, where, size))


def _prepare(kind: str, where: Path, size: int, folder: Path, progress: Progress) -> Pool:
    names = defaultdict(list)
    for name in member_names(where, _is_ours):
        names[_class_of(name)].append(_short(name))
    places = places_of(names, _expected(), None, where)
    if len(places) != IMAGES:
        raise DataError(
            f"{where} has {counted(len(places), 'image')} of {IMAGES:,}. Get a complete copy of CUB_200_2011.tgz."
        )
    images = ((_short(name), content) for name, content in members(where, _is_ours))
    return write_pool(
        folder,
        _expected(),
        [len(names[name]) for name in _expected()],
        ImageShape(3, size, size),
        lambda array: fill(array, places, images, partial(decode_photo, side=size), where, progress),
        {
            "dataset": "cub",
            "source": source_record(kind, where, files_of(where, _is_ours)),
            "pillow": PIL.__version__,
        },
    )


def _expected() -> tuple[str, ...]:
    return all_classes("cub", "chen")


def _is_ours(name: str) -> bool:
    """Whether a file is a JPEG in one of the class folders. `segmentations/` has PNGs in folders of these names."""
    return _class_of(name) in _expected()


def _class_of(name: str) -> str:
    """`CUB_200_2011/images/013.Bobolink/Bobolink_0001_9261.jpg` -> `013.Bobolink`; "" if it is no such file."""
    found = PHOTOGRAPH.search(name)
    return found[1] if found else ""


def _short(name: str) -> str:
    """`CUB_200_2011/images/013.Bobolink/Bobolink_0001_9261.jpg` -> `013.Bobolink/Bobolink_0001_9261.jpg`."""
    return "/".join(name.split("/")[-2:])
