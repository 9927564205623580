"""Which classes train, validate and test: files in the package, named, hashed, and disjoint."""

import hashlib
import json
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
        """The classes of one part as indices into the pool, ascending. Raises DataError where the pool lacks one."""
        index = {name: i for i, name in enumerate(pool.classes)}
        missing = [name for name in self.part(part) if name not in index]
        if missing:
            raise DataError(
                f"split {self.name!r} names {counted(len(missing), 'class')} that the pool does not have: "
                f"{missing[0]!r}, ... Prepare the pool from a complete copy of the dataset."
            )
        return np.sort(np.array([index[name] for name in self.part(part)], dtype=np.int64))


@cache  # a grid asks for each of its cells
def read_split(dataset: str, name: str) -> ClassSplit:
    """The class split `name` of a dataset, from the package. Raises DataError where there is none or parts overlap."""
    folder = files("fewshot_bench.data") / "class_splits"
    file = folder / f"{dataset}-{name}.json"
    if not file.is_file():
        prefix = f"{dataset}-"
        known = [item.name[len(prefix) : -5] for item in folder.iterdir() if item.name.startswith(prefix)]
        raise DataError(unknown(f"split of {dataset}", name, known))
    return make_split(name, json.loads(file.read_text(encoding="utf-8")))


def make_split(name: str, parts: Mapping[str, Sequence[str]]) -> ClassSplit:
    """A split from the class names of its parts, whose order does not matter. Raises DataError where they overlap."""
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
    """Raises DataError when a class stands twice, in two parts or in one."""
    seen: dict[str, Part] = {}
    for part in PARTS:
        for name in split.part(part):
            if name in seen:
                raise DataError(f"split {split.name!r} overlaps: class {name!r} is in {seen[name]} and in {part}.")
            seen[name] = part
