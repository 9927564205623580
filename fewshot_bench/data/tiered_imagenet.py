"""tieredImageNet: 608 classes of ImageNet, 779,165 images, divided by the hierarchy above them (Ren et al. 2018).

Recognised in a folder: train, val and test of class folders; train_images_png.pkl and train_labels.pkl, and the same of
val and test, as the authors published them; and train_images.npz with train_labels.pkl, and so on. A class is named
with its part in front, `train/n02056570`, since the pickles have English names, which ImageNet uses twice.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import PIL

from fewshot_bench.basics.about import AboutDataset
from fewshot_bench.basics.errors import DataError
from fewshot_bench.basics.images import ImageShape
from fewshot_bench.data.dataset import IMAGENET_MEAN, IMAGENET_STD, Dataset, check_size
from fewshot_bench.data.pool import Pool, Progress, write_pool
from fewshot_bench.data.raw import PHOTO, Labelled, Raw, fill, places_in_order, source_record
from fewshot_bench.data.splits import PARTS, Part, SplitSizes
from fewshot_bench.data.tiered_imagenet_files import from_arrays, from_folders, from_pickles
from fewshot_bench.data.walking import is_dead_link, subfolders

SIZES = SplitSizes(train=351, val=97, test=160)
SPLIT = "ren"
LAYOUTS = (
    "a folder with train, val and test of class folders (train/n02056570/*.jpg), with train_images_png.pkl and "
    "train_labels.pkl and the same of val and test, or with train_images.npz and train_labels.pkl and so on"
)

NAMES: dict[str, AboutDataset] = {
    "tiered-imagenet": {
        "title": "tieredImageNet",
        "licence": "ImageNet's terms: non-commercial research and education, no passing on",
        "cite": {"ren2018": "the dataset", "russakovsky2015": "ImageNet, whose photographs these are"},
        "splits": {"ren": {"ren2018": "the 20, 6 and 8 categories of its parts"}},
    },
}


def tiered_imagenet(*, size: int = PHOTO.width) -> Dataset:
    """608 classes of ImageNet, of unequal size, divided by category (Ren et al. 2018), 84x84.

    Args:
        size: Height and width of its images, in pixels. Files that hold 84x84 images are enlarged or reduced.
    """
    check_size("tiered-imagenet", size)
    return Dataset(
        name="tiered-imagenet",
        shape=ImageShape(3, size, size),
        splits={SPLIT: SIZES},
        find_raw=partial(find_tiered_imagenet, size=size),
        layouts=LAYOUTS,
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        title=NAMES["tiered-imagenet"]["title"],
        folders=("tiered_imagenet", "tiered-imagenet"),
        not_offered=(
            "tiered-imagenet has no download here: ImageNet's terms restrict passing it on. Get a copy (the repository "
            "renmengye/few-shot-ssl-public says where), then run "
            "`fewshot-bench data import tiered-imagenet --from PATH`."
        ),
        duplicates=None,
        variant="" if size == PHOTO.width else str(size),
    )


def find_tiered_imagenet(path: Path, size: int = PHOTO.width) -> Raw | None:
    """The raw tieredImageNet in a folder, None if there is none. Raises DataError if some of its files are missing.

    size: of the pool's images, in pixels a side.
    """
    for kind, images, read in (
        ("pickles of PNGs", "{}_images_png.pkl", from_pickles),
        ("arrays", "{}_images.npz", from_arrays),
    ):
        names = [name for part in PARTS for name in (images.format(part), f"{part}_labels.pkl")]
        if any((path / images.format(part)).is_file() for part in PARTS):
            missing = [name for name in names if not (path / name).is_file()]
            if missing:
                dead = " (a link to a file that does not exist)" if is_dead_link(path / missing[0]) else ""
                raise DataError(f"{path} has no {missing[0]}{dead}; {', '.join(names)} belong together. Add it.")
            return Raw(kind, path, partial(_prepare, kind, read, path, size))
    if _has_class_folders(path):
        return Raw("class folders", path, partial(_prepare, "class folders", from_folders, path, size))
    return None


def _has_class_folders(path: Path) -> bool:
    """Whether `path` has the three parts, with more classes than mini-ImageNet, which looks alike."""
    parts = {folder.name: folder for folder in subfolders(path)}
    if not set(PARTS) <= set(parts):
        return False
    classes = [below for part in PARTS for below in subfolders(parts[part]) if re.fullmatch(r"n\d{8}", below.name)]
    return len(classes) > 100


Read = Callable[[Path, int], Labelled]
"""(folder, pixels a side) -> its images and their classes."""


def _prepare(kind: str, read: Read, where: Path, size: int, folder: Path, progress: Progress) -> Pool:
    found = read(where, size)
    split = {part: [name for name in found.names if name.startswith(f"{part}/")] for part in PARTS}
    _check_sizes(where, split)
    names = {name: found.names[name] for name in sorted(found.names)}
    return write_pool(
        folder,
        list(names),
        [len(images) for images in names.values()],
        ImageShape(3, size, size),
        lambda array: fill(array, places_in_order(names), found.images(), found.decode, where, progress),
        {
            "dataset": "tiered-imagenet",
            "source": source_record(kind, where, found.files),
            "pillow": PIL.__version__,
            "splits": {SPLIT: split},
        },
    )


def _check_sizes(where: Path, split: Mapping[Part, Sequence[str]]) -> None:
    sizes = SplitSizes(*(len(split[part]) for part in PARTS))
    if sizes != SIZES:
        found, expected = ("/".join(map(str, counts)) for counts in (sizes, SIZES))
        raise DataError(
            f"{where} has in train, val and test so many classes: {found}; tieredImageNet has {expected}. Get a "
            "complete copy."
        )
    seen: dict[str, str] = {}
    for part in PARTS:
        for name in split[part]:
            wordnet = name.partition("/")[2]
            if re.fullmatch(r"n\d{8}", wordnet) and wordnet in seen:
                raise DataError(f"{where}: class {wordnet} is in {seen[wordnet]} and in {part}. Get a clean copy.")
            seen[wordnet] = part
