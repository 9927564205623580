"""All that a pool of a user's images is made of, if nothing is wrong with them; else all faults at once."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import PIL
from numpy.typing import NDArray

from fewshot_bench.basics.counting import counted
from fewshot_bench.basics.images import ImageShape
from fewshot_bench.data.imported import IMPORTED
from fewshot_bench.data.importing.decoding import RESIZE
from fewshot_bench.data.importing.faults import check_none, fault, some
from fewshot_bench.data.importing.items import Items, scanned_items
from fewshot_bench.data.importing.layouts import LabelledImage
from fewshot_bench.data.importing.reading import Reading, read_images
from fewshot_bench.data.importing.reading_faults import faults_of, left_out, notes_of
from fewshot_bench.data.importing.scanning import Contents, Scan, scan
from fewshot_bench.data.importing.splitting import ClassParts, class_parts
from fewshot_bench.data.pool import Progress, silent
from fewshot_bench.data.splits import PARTS, make_split

SPLIT = "own"
"""The name of the class split that comes with an imported dataset."""


@dataclass(frozen=True, kw_only=True)
class ImportOptions:
    """How a user's images become a pool."""

    size: int = 84
    """Height and width of the pool's images, in pixels."""
    gray: bool = False
    """One channel in place of red, green and blue."""
    split: str | None = None
    """`folders`, shares such as `64:16:20`, or the path of a JSON or CSV; see importing.splitting."""
    split_seed: int = 0
    """Of the order in which classes are dealt by shares."""
    skip_unreadable: bool = False
    """Leave out images that cannot be read."""
    skip_duplicates: bool = False
    """Keep the first of equal images within a class; leave out all copies of those in two classes."""

    @property
    def shape(self) -> ImageShape:
        return ImageShape(1 if self.gray else 3, self.size, self.size)


class ImportPlan(NamedTuple):
    """The arguments of `write_pool`, and what to tell the user.

    classes: names, sorted. counts: images of each. shape: of an image. fill: decodes all into uint8 [n, c, h, w] and
    returns entries of the manifest. manifest: further entries. notes: sentences on what was left out or changed.
    """

    classes: tuple[str, ...]
    counts: tuple[int, ...]
    shape: ImageShape
    fill: Callable[[NDArray[np.uint8]], Mapping[str, Any]]
    manifest: dict[str, Any]
    notes: tuple[str, ...]


def planned_import(source: Path | Items, options: ImportOptions, progress: Progress = silent) -> ImportPlan:
    """The plan of a pool from the images of `source`; nothing is written. An image has to be in one class, and once.

    Args:
        source: A folder, an archive or a table of images, or a Dataset of (image, label).
        options: How the images become a pool.
        progress: Called after each image.

    The images are decoded here only if something is wrong or is to be left out. Otherwise `fill` is the only pass
    over them; it raises DataError too, for images that are unreadable or equal.

    Raises:
        DataError: With all faults of the images, their layout and the split.
    """
    found = scan(source) if isinstance(source, Path) else scanned_items(source)
    name = str(source) if isinstance(source, Path) else "the dataset"
    parts = class_parts(found.layout, options.split, options.split_seed)
    images = tuple(image for image in found.layout.images if image.klass not in parts.unused)
    faults = [*found.faults, *found.layout.faults]
    if images:  # otherwise the layout says what is wrong, and a split of no classes would only repeat it
        faults += parts.faults
    notes = _left_out_files(found)
    if parts.unused:
        names = some([repr(name) for name in parts.unused])
        notes.append(f"{counted(len(parts.unused), 'class')} of no part left out: {names}")
    classes = sorted({image.klass for image in images})
    if faults or _few(images, classes) or options.skip_unreadable or options.skip_duplicates:
        reading = _read(found.contents, images, options, progress, None, "checking images")
        switches = (options.skip_unreadable, options.skip_duplicates)
        faults += faults_of(images, reading, *switches)
        notes += notes_of(images, reading, *switches)
        skipped = left_out(images, reading, *switches)
        images = tuple(image for number, image in enumerate(images) if number not in skipped)
    check_none(faults + _few(images, classes), name)
    split = make_split(SPLIT, {str(part): names for part, names in parts.parts.items()})
    counts = Counter(image.klass for image in images)
    manifest = {
        "source": {"layout": found.layout.kind, "path": name},
        "pillow": PIL.__version__,
        "left_out": notes,
        "splits": {SPLIT: {part: list(split.part(part)) for part in PARTS}},
    }
    fill = partial(_fill, name, found.contents, images, parts, options, progress)
    return ImportPlan(
        tuple(classes), tuple(counts[name] for name in classes), options.shape, fill, manifest, tuple(notes)
    )


def _fill(
    name: str,
    contents: Contents,
    images: Sequence[LabelledImage],
    parts: ClassParts,
    options: ImportOptions,
    progress: Progress,
    array: NDArray[np.uint8],
) -> dict[str, Any]:
    """Decode all images into the array; returns what the manifest says of them. Raises DataError with all faults."""
    reading = _read(contents, images, options, progress, array, "decoding images")
    check_none(faults_of(images, reading, False, False), name)
    return {
        IMPORTED: {
            "split": SPLIT,
            "split_by": parts.source,
            "resize": RESIZE,
            "on_white": reading.on_white,
            "enlarged": reading.enlarged,
            "sha256_of_files": reading.sha256,
        }
    }


def _read(
    contents: Contents,
    images: Sequence[LabelledImage],
    options: ImportOptions,
    progress: Progress,
    array: NDArray[np.uint8] | None,
    what: str,
) -> Reading:
    files = [image.file for image in images]
    return read_images(images, contents(files), options.size, options.gray, array, progress, what)


def _few(images: Sequence[LabelledImage], classes: Sequence[str]) -> list[str]:
    """The fault of classes with fewer than two of these images."""
    counts = Counter(image.klass for image in images)
    few = [f"{name!r} ({counts[name]})" for name in classes if counts[name] < 2]
    remedy = "A task needs one for support and one for queries: add images, or move the class away."
    return [fault("class", "with fewer than 2 images", few, remedy)] if few else []


def _left_out_files(found: Scan) -> list[str]:
    if not found.left_out:
        return []
    kinds = sorted(found.left_out.items(), key=lambda item: (-item[1], item[0]))
    return [f"left out, since they are no images: {some([f'{count:,} {kind}' for kind, count in kinds])}"]
