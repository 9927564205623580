"""The class split of a user's images: from train, val and test of the layout, from a file, or by shares.

A part has at least two classes, unless the split says that it has none: by a share of 0, or by an empty list.
"""

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from fewshot_bench.basics.counting import counted
from fewshot_bench.basics.errors import DataError
from fewshot_bench.basics.files import read_text
from fewshot_bench.basics.names import did_you_mean
from fewshot_bench.data.importing.faults import fault
from fewshot_bench.data.importing.layouts import PART_NAMES, Layout, nfc
from fewshot_bench.data.importing.tables import LABEL, PART, read_table
from fewshot_bench.data.splits import PARTS, Part

FOLDERS = "folders"
"""The split that the layout itself says: by its folders train, val and test, or by its table's column."""

SHARES = "64:16:20"
"""The split of classes without parts: the shares of Ravi and Larochelle's split of mini-ImageNet (2017)."""

LEAST = 2  # classes of a part: a task has at least two


class ClassParts(NamedTuple):
    """parts: class names of each part, sorted; source: where they come from, in words; faults: one sentence each.

    unused: classes that are in no part, sorted.
    """

    parts: dict[Part, list[str]]
    source: str
    unused: tuple[str, ...]
    faults: tuple[str, ...]


def class_parts(images: Layout, split: str | None, seed: int = 0) -> ClassParts:
    """The classes of each part.

    Args:
        images: The layout of the images.
        split: `folders`, shares such as `64:16:20`, or the path of a JSON ({"train": [...], ...}) or of a CSV with a
            column of classes and one of parts. None: `folders` if the layout has parts, else `64:16:20`.
        seed: Of the order in which classes are dealt by shares.

    Raises:
        DataError: If `split` is none of these, or its file cannot be read.
    """
    classes = sorted({image.klass for image in images.images})
    split = split or (FOLDERS if images.has_parts else SHARES)
    if split == FOLDERS:
        return _by_layout(images, classes)
    if re.fullmatch(r"\d+:\d+:\d+", split):
        return _by_shares(classes, split, seed)
    path = Path(split)
    if not path.is_file():
        raise DataError(
            f"--split {split} is neither `folders`, nor shares such as {SHARES}, nor a file. Give one of these; a file "
            'is JSON ({"train": ["robin", ...], "val": [...], "test": [...]}) or CSV with the columns class and part.'
        )
    return _by_file(classes, path, _parts_in(path))


def _by_layout(images: Layout, classes: Sequence[str]) -> ClassParts:
    """The parts that the layout says; a class in two parts is a fault, since tasks of the parts would share it."""
    if not images.has_parts:
        raise DataError(
            "--split folders needs folders train, val and test, or a table with parts. Give shares or a file."
        )
    parts: dict[str, set[Part]] = defaultdict(set)
    for image in images.images:
        if image.part:
            parts[image.klass].add(image.part)
    merge = f"Pass --split {SHARES} to put each class together and deal the classes anew."
    both = [
        f"{name!r} ({', '.join(p for p in PARTS if p in found)})" for name, found in parts.items() if len(found) > 1
    ]
    if both:  # how many classes the parts have says nothing then
        return ClassParts({part: [] for part in PARTS}, FOLDERS, (), (fault("class", "in two parts", both, merge),))
    dealt = {part: [name for name in classes if part in parts[name]] for part in PARTS}
    return ClassParts(dealt, FOLDERS, (), _small(dealt, frozenset(), "Move classes there, or pass --split 64:16:20."))


def _by_shares(classes: Sequence[str], split: str, seed: int) -> ClassParts:
    """Classes dealt by shares with the largest remainder, in the order of SHA-256 of seed and name.

    That order depends on no library, so that everybody who has these classes gets these parts.
    """
    shares = [int(share) for share in split.split(":")]
    if not sum(shares):
        raise DataError(f"--split {split} gives no part a class. Give shares such as {SHARES}.")
    exact = [share * len(classes) / sum(shares) for share in shares]
    counts = [int(share) for share in exact]
    by_remainder = sorted(range(len(PARTS)), key=lambda part: counts[part] - exact[part])
    for part in by_remainder[: len(classes) - sum(counts)]:
        counts[part] += 1
    order = sorted(classes, key=lambda name: hashlib.sha256(f"{seed}\n{name}".encode(errors="replace")).digest())
    ends = [sum(counts[: part + 1]) for part in range(len(PARTS))]
    dealt = {part: sorted(order[end - count : end]) for part, end, count in zip(PARTS, ends, counts, strict=True)}
    empty = frozenset(part for part, share in zip(PARTS, shares, strict=True) if not share)
    remedy = "Give other shares, such as --split 50:25:25, or more classes; a share of 0 leaves a part without any."
    return ClassParts(dealt, f"{split} of the classes, seed {seed}", (), _small(dealt, empty, remedy))


def _by_file(classes: Sequence[str], path: Path, parts: Mapping[Part, Sequence[str]]) -> ClassParts:
    dealt = {part: sorted({nfc(name) for name in parts.get(part, ())}) for part in PARTS}
    of: dict[str, list[Part]] = defaultdict(list)
    for part, names in dealt.items():
        for name in names:
            of[name].append(part)
    foreign = [f"{name!r}{did_you_mean(name, classes)}" for name in of if name not in classes]
    both = [f"{name!r} ({', '.join(found)})" for name, found in of.items() if len(found) > 1]
    faults = []
    if foreign:
        faults.append(fault("class", f"in {path} without images", foreign, "Write its name as it is with the images."))
    if both:
        faults.append(fault("class", f"in two parts in {path}", both, "Keep it in one of them."))
    empty = frozenset(part for part in PARTS if part in parts and not parts[part])
    if not of:
        raise DataError(f"{path} names no class. Write train, val and test with the names of classes.")
    faults += _small(dealt, empty, f"Add classes to {path}; an empty list leaves a part without any.")
    unused = tuple(name for name in classes if name not in of)
    return ClassParts(dealt, str(path), unused, tuple(faults))


def _small(parts: Mapping[Part, Sequence[str]], empty: frozenset[str], remedy: str) -> tuple[str, ...]:
    """The fault that parts have fewer than two classes, but for those that are to be empty."""
    small = [f"{part} has {len(parts[part])}" for part in PARTS if len(parts[part]) < LEAST and part not in empty]
    return (fault("part", f"with fewer than {counted(LEAST, 'class')}", small, remedy),) if small else ()


def _parts_in(path: Path) -> dict[Part, list[str]]:
    """The class names of each part in a JSON or CSV. Raises DataError if it is neither, or has another part."""
    listed = _json(path) if path.suffix.lower() == ".json" else _table(path)
    strange = [name for name in listed if name.lower() not in PART_NAMES]
    if strange:
        raise DataError(f"{path} has the part {strange[0]!r}. Write train, val or test there.")
    parts: dict[Part, list[str]] = {}
    for name, classes in listed.items():
        parts[PART_NAMES[name.lower()]] = parts.get(PART_NAMES[name.lower()], []) + classes
    return parts


def _json(path: Path) -> dict[str, list[str]]:
    try:
        content = json.loads(read_text(path))
    except ValueError as error:
        raise DataError(f"{path} is no JSON ({error}). Mend it.") from error
    lists = content.values() if isinstance(content, dict) else [None]
    if not all(isinstance(names, list) and all(isinstance(name, str) for name in names) for names in lists):
        raise DataError(
            f'{path} does not hold lists of class names. Write {{"train": [...], "val": [...], "test": [...]}}.'
        )
    parts: dict[str, list[str]] = content
    return parts


def _table(path: Path) -> dict[str, list[str]]:
    table = read_table(str(path), path.read_bytes())
    if not table.label or not table.part:
        wanted = f"({', '.join(LABEL)}) with one of parts ({', '.join(PART)})"
        raise DataError(f"{path} has no column of classes {wanted}. Rename its headings.")
    parts: dict[str, list[str]] = defaultdict(list)
    for row in table.rows:
        parts[row[table.part].strip()].append(row[table.label].strip())
    return dict(parts)
