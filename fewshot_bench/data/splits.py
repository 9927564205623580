"""Class splits: which classes train, validate and test. Parts are disjoint by class, and by image.

A published split is a file in the package, with a name and a hash. Images that occur in two parts are refused, except
those that a published dataset is known to have (duplicates.json). Equal images are found once, when the pool is
prepared; its manifest lists them, so the check at each opening costs nothing. Omniglot has none, also not after the
resize to 28x28. mini-ImageNet has seven pairs in different classes: six join train and val in the split `ravi`, none
its test; in `gimli-fork` six join train and test, and one val and test.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fewshot_bench.basics.counting import counted
from fewshot_bench.basics.errors import DataError
from fewshot_bench.basics.names import unknown
from fewshot_bench.data.pool import Pool

Part = Literal["train", "val", "test"]
PARTS: tuple[Part, ...] = ("train", "val", "test")

Groups = Sequence[Sequence[str]]
"""Groups of equal images, an image as `class/example`."""


class ClassSplit(NamedTuple):
    """Class names of each part, sorted; hash: SHA-256 of them, in hexadecimal."""

    name: str
    train: tuple[str, ...]
    val: tuple[str, ...]
    test: tuple[str, ...]
    hash: str

    def part(self, part: Part) -> tuple[str, ...]:
        """The class names of one part."""
        return {"train": self.train, "val": self.val, "test": self.test}[part]

    def indices(self, part: Part, pool: Pool) -> NDArray[np.int64]:
        """The classes of one part as indices into the pool, ascending. Raises DataError if the pool lacks one."""
        index = {name: i for i, name in enumerate(pool.classes)}
        missing = [name for name in self.part(part) if name not in index]
        if missing:
            raise DataError(
                f"split {self.name!r} names {counted(len(missing), 'class')} that the pool does not have: "
                f"{missing[0]!r}, ... Prepare the pool from a complete copy of the dataset."
            )
        return np.sort(np.array([index[name] for name in self.part(part)], dtype=np.int64))


class SplitSizes(NamedTuple):
    """The number of classes in each part of a split whose classes the pool's manifest lists."""

    train: int
    val: int
    test: int


@cache  # read once per process, not once per cell
def read_split(dataset: str, name: str) -> ClassSplit:
    """The class split `name` of a dataset, from the package. Raises DataError if there is none or parts overlap."""
    folder = files("fewshot_bench.data") / "class_splits"
    file = folder / f"{dataset}-{name}.json"
    if not file.is_file():
        prefix = f"{dataset}-"
        known = [item.name[len(prefix) : -5] for item in folder.iterdir() if item.name.startswith(prefix)]
        raise DataError(unknown(f"split of {dataset}", name, known))
    return make_split(name, json.loads(file.read_text(encoding="utf-8")))


def read_splits(dataset: str, names: Sequence[str]) -> dict[str, ClassSplit]:
    """Class splits of a dataset from the package, by name."""
    return {name: read_split(dataset, name) for name in names}


def split_in(splits: Mapping[str, ClassSplit | SplitSizes], name: str, pool: Pool) -> ClassSplit:
    """The class split `name`, with its classes. splits: those of a dataset. pool: of that dataset.

    Raises DataError if neither the dataset nor the pool lists the classes.
    """
    found = splits.get(name)
    if isinstance(found, ClassSplit):
        return found
    listed = pool.manifest.get("splits", {})
    if name not in listed:
        raise DataError(unknown("split", name, {**splits, **listed}))
    return make_split(name, listed[name])


def make_split(name: str, parts: Mapping[str, Sequence[str]]) -> ClassSplit:
    """A split from the class names of its parts, in any order. Raises DataError if they overlap, or if one is missing.

    Examples:
        >>> make_split("mine", {"train": ["wren", "owl"], "val": ["rook"], "test": ["jay"]}).train
        ('owl', 'wren')
    """
    if not set(PARTS) <= set(parts):
        given = ", ".join(map(str, parts)) or "none"
        raise DataError(f"split {name!r} has the parts {given}, but has to have train, val and test.")
    train, val, test = (tuple(sorted(parts[part])) for part in PARTS)
    content = json.dumps({"train": train, "val": val, "test": test}, separators=(",", ":"))
    split = ClassSplit(name, train, val, test, hashlib.sha256(content.encode()).hexdigest())
    check_disjoint(split)
    return split


def all_classes(dataset: str, split: str) -> tuple[str, ...]:
    """The names of all classes that a split divides, sorted."""
    found = read_split(dataset, split)
    return tuple(sorted(found.train + found.val + found.test))


def check_disjoint(split: ClassSplit) -> None:
    """Raise DataError if a class is listed twice, in two parts or in one."""
    seen: dict[str, Part] = {}
    for part in PARTS:
        for name in split.part(part):
            if name in seen:
                raise DataError(f"split {split.name!r} overlaps: class {name!r} is in {seen[name]} and in {part}.")
            seen[name] = part


def crossing(duplicates: Groups, split: ClassSplit) -> tuple[str, ...]:
    """Those of a dataset's known duplicates that lie in several parts: `<image> (<part>) = <image> (<part>)`."""
    part = {name: part for part in PARTS for name in split.part(part)}
    groups = [group for group in duplicates if len({part.get(_class_of(image)) for image in group}) > 1]
    return tuple(" = ".join(f"{image} ({part.get(_class_of(image))})" for image in group) for group in groups)


def shared_images(split: ClassSplit, pool: Pool) -> list[list[str]]:
    """Groups of equal images in the pool that lie in more than one part of `split`, an image as `class/example`."""
    part = {name: part for part in PARTS for name in split.part(part)}
    groups: list[list[str]] = pool.manifest["duplicates"]
    return [group for group in groups if len({part.get(_class_of(image)) for image in group} - {None}) > 1]


def check_images(dataset: str, split: ClassSplit, pool: Pool, known: Groups = ()) -> None:
    """Raise DataError if an image occurs in two parts of `split` and is not among the known duplicates.

    A pool keeps no file names, and another resize gives other pixels. So a listed duplicate is identified by its
    classes, and tolerated as often as it is listed.
    """
    tolerated = Counter(_classes(group) for group in known)
    for group in shared_images(split, pool):
        tolerated[_classes(group)] -= 1
        if tolerated[_classes(group)] < 0:
            images = " and ".join(group[:3]) + (" and others" if len(group) > 3 else "")
            raise DataError(
                f"split {split.name!r} of {dataset} leaks: the images {images} are equal and lie in different parts. "
                "Use a clean copy of the dataset."
            )


def _class_of(image: str) -> str:
    """`Greek/character01/3` -> `Greek/character01`."""
    return image.rpartition("/")[0]


def _classes(group: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted(_class_of(image) for image in group))


@cache
def known_duplicates(dataset: str) -> list[list[str]]:
    """The groups of equal images that a published dataset is known to have, from duplicates.json."""
    content = json.loads((files("fewshot_bench.data") / "duplicates.json").read_text(encoding="utf-8"))
    groups: list[list[str]] = content.get(dataset, {}).get("groups", [])
    return groups
