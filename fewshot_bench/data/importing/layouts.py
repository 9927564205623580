"""What the folders of a user's images say: the class of each image and, if there, its part."""

import unicodedata
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

from fewshot_bench.data.importing.faults import fault
from fewshot_bench.data.splits import Part

PART_NAMES: dict[str, Part] = {
    "train": "train",
    "training": "train",
    "meta-train": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "meta-val": "val",
    "test": "test",
    "testing": "test",
    "meta-test": "test",
}
"""Names of folders, and values in tables, that stand for a part of a split; upper case counts as lower case."""


class LabelledImage(NamedTuple):
    """file: its name in the folder or archive, with `/`; klass: its class; part: None if the layout has no parts."""

    file: str
    klass: str
    part: Part | None


class Layout(NamedTuple):
    """images: by class, then by file name; kind: the layout in words; faults: one sentence each."""

    images: tuple[LabelledImage, ...]
    kind: str
    faults: tuple[str, ...]

    @property
    def has_parts(self) -> bool:
        """Whether the layout says which images train, validate and test."""
        return any(image.part for image in self.images)


def layout(images: Sequence[LabelledImage], kind: str, faults: Sequence[str]) -> Layout:
    """A layout with its images in the order of the pool, and the faults that any layout may have."""
    strange = sorted({image.klass for image in images if not _is_utf8(image.klass)})
    more = [fault("class", "whose name is not UTF-8", [*map(repr, strange)], "Rename it.")] if strange else []
    in_order = sorted(images, key=lambda image: (image.klass, nfc(image.file), image.file))
    return Layout(tuple(in_order), kind, (*faults, *more))


def by_folders(files: Sequence[str]) -> Layout:
    """Images by the folder that they lie in; its path is the class, below train, val and test if these are there.

    Folders around all images are no part of the class: an archive often has one.
    """
    below = len(wrapper(files))
    tops = {_path(file, below)[0] for file in files if len(_path(file, below)) > 1}
    parts = {top: PART_NAMES[top.lower()] for top in tops if top.lower() in PART_NAMES}
    if len(set(parts.values())) < 2:
        parts = {}
    images, loose, beside = [], [], set()
    for file in files:
        path = _path(file, below)
        part = parts.get(path[0])
        folders = path[1:-1] if part else path[:-1]
        if parts and not part and len(path) > 1:
            beside.add(path[0])
        elif not folders:
            loose.append(file)
        else:
            images.append(LabelledImage(file, nfc("/".join(folders)), part))
    classes = {image.klass for image in images}
    nested = {klass for klass in classes if "/" in klass}
    holders = sorted({str(above) for klass in nested for above in PurePosixPath(klass).parents} & classes)
    faults = []
    if loose:
        faults.append(fault("image", "outside any class folder", _shown(loose), "Move it into a folder of its class."))
    if beside:
        names = " and ".join(sorted(parts))
        faults.append(fault("folder", f"beside {names}", _shown(sorted(beside)), "Move it into one of them, or away."))
    if holders:
        faults.append(
            fault(
                "folder", "with both images and folders of images", _shown(holders), "Move either, so that it is clear."
            )
        )
    kind = "train, val and test of class folders" if parts else "class folders"
    if nested:
        kind += f", the class is the path of an image's folder, as {sorted(nested)[0]!r}"
    return layout(images, kind, faults)


def wrapper(files: Sequence[str]) -> tuple[str, ...]:
    """The folders that enclose all files and have nothing but one folder in them; two levels always remain."""
    if not files:
        return ()
    paths = [PurePosixPath(file).parts for file in files]
    shallow = min(map(len, paths)) - 2
    common: list[str] = []
    for level in zip(*paths, strict=False):
        if len(common) >= shallow or len(set(level)) > 1:
            break
        common.append(level[0])
    return tuple(common)


def nfc(name: str) -> str:
    """A name with accented letters as one character: macOS stores two, so the same folder would be another class."""
    return unicodedata.normalize("NFC", name)


def _path(file: str, below: int) -> tuple[str, ...]:
    return PurePosixPath(file).parts[below:]


def _shown(names: Sequence[str]) -> list[str]:
    return [repr(name) for name in names]


def _is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
