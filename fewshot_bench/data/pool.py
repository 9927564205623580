"""Pools: the images of a dataset by class, decoded once into one uint8 file on disk that is memory-mapped."""

import hashlib
import json
import math
import os
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fewshot_bench.basics.counting import counted
from fewshot_bench.basics.errors import DataError
from fewshot_bench.basics.files import replacing, write_text
from fewshot_bench.basics.images import ImageShape

IMAGES = "images.npy"
MANIFEST = "manifest.json"

Progress = Callable[[str, int, int], None]
"""progress(what, done, total): called often while a pool is prepared; `done` runs from 0 to `total`."""

Fill = Callable[[NDArray[np.uint8]], Mapping[str, Any] | None]
"""fill(array): writes every image into the array [n, c, h, w], class after class; may return manifest entries."""


def silent(what: str, done: int, total: int) -> None:
    """No progress is shown."""


class Pool(NamedTuple):
    """The images of a dataset, memory-mapped and read only.

    images: uint8 [n, channels, height, width], class after class. starts: int64 [classes + 1]; images of class i are
    those from starts[i] to starts[i + 1]. classes: their names, in that order. tested_on: the pool that validation and
    test tasks come from, if it is that of another dataset.
    """

    images: NDArray[np.uint8]
    starts: NDArray[np.int64]
    classes: tuple[str, ...]
    manifest: dict[str, Any]
    tested_on: "Pool | None" = None

    @property
    def shape(self) -> ImageShape:
        return ImageShape(*self.images.shape[1:])

    @property
    def counts(self) -> NDArray[np.int64]:
        """The number of images of each class, [classes]."""
        return np.diff(self.starts)

    @property
    def images_each(self) -> str:
        """How many images a class has, in words: "20 images", or "4 to 20 images" if classes differ."""
        fewest, most = int(self.counts.min()), int(self.counts.max())
        return counted(most, "image") if fewest == most else f"{fewest:,} to {counted(most, 'image')}"

    def of_class(self, index: int) -> NDArray[np.uint8]:
        """The images of one class, by its position in `classes`: uint8 [images, channels, height, width]."""
        return self.images[self.starts[index] : self.starts[index + 1]]


class Content(NamedTuple):
    """hash: SHA-256 of names and pixels; duplicates: groups of equal images across classes, each as `class/example`."""

    hash: str
    duplicates: list[list[str]]


def write_pool(
    folder: Path,
    classes: Sequence[str],
    examples: int | Sequence[int],
    shape: ImageShape,
    fill: Fill,
    manifest: Mapping[str, Any],
    known_pools: Mapping[str, str] | None = None,
) -> Pool:
    """Make the pool in `folder`: `fill` writes every image into a memory-mapped array.

    The manifest is written last, so an interrupted call leaves no pool. It holds the entries of `manifest` and of
    `fill`, and: classes, examples, shape, pool_hash, known_as, duplicates. An older pool in the folder is removed only
    when the new one is whole.

    Args:
        folder: Folder of the pool.
        classes: Names of the classes, in the order of their images.
        examples: Images of each class; one number if all have as many.
        shape: Of an image.
        fill: Writes the images.
        manifest: Further entries for the manifest.
        known_pools: Hash -> source of pools that were checked, for `known_as`, which is null for other hashes.
    """
    starts = starts_of(examples, len(classes))
    with replacing(folder / IMAGES) as temporary:
        array = _new_array(temporary, (int(starts[-1]), *shape))
        learned = fill(array) or {}
        array.flush()
        content = content_of(array, starts, classes)
        del array
        (folder / MANIFEST).unlink(missing_ok=True)  # until it is back there is no pool here: never a mixed one
    whole = {
        **manifest,
        **learned,
        "examples": examples if isinstance(examples, int) else [int(count) for count in examples],
        "shape": list(shape),
        "pool_hash": content.hash,
        "known_as": (known_pools or {}).get(content.hash),
        "duplicates": content.duplicates,
        "classes": list(classes),
    }
    _write_manifest(folder, whole)
    return read_pool(folder)


def with_entries(folder: Path, entries: Mapping[str, Any]) -> Pool:
    """The pool in `folder`, once its manifest has these entries too."""
    _write_manifest(folder, {**read_pool(folder).manifest, **entries})
    return read_pool(folder)


def _write_manifest(folder: Path, manifest: Mapping[str, Any]) -> None:
    write_text(folder / MANIFEST, json.dumps(manifest, indent=1, ensure_ascii=False) + "\n")


def starts_of(examples: int | Sequence[int], classes: int) -> NDArray[np.int64]:
    """The first image of each class, and the number of all images: int64 [classes + 1]. examples: as in write_pool."""
    counts = [examples] * classes if isinstance(examples, int) else list(examples)
    return np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]).astype(np.int64)


def read_pool(folder: Path) -> Pool:
    """Open a prepared pool. Raises DataError if it is incomplete or its two files do not belong together.

    Older releases wrote an array [classes, examples, c, h, w], with the same bytes.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        images = np.load(folder / IMAGES, mmap_mode="r")
        starts = starts_of(manifest["examples"], len(manifest["classes"]))
        expected = (int(starts[-1]), *manifest["shape"])
        manifest["pool_hash"], manifest["duplicates"]  # other modules rely on these
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"the prepared pool in {folder} cannot be read ({error}). Delete that folder and run again."
        ) from error
    if images.ndim == len(expected) + 1 and images.size == math.prod(expected):
        images = images.reshape(expected)
    if images.shape != expected or images.dtype != np.uint8:
        raise DataError(
            f"the prepared pool in {folder} holds {images.dtype} {images.shape}, its manifest says uint8 {expected}. "
            "Delete that folder and run again."
        )
    return Pool(images, starts, tuple(manifest["classes"]), manifest)


def content_of(images: NDArray[np.uint8], starts: NDArray[np.int64], classes: Sequence[str]) -> Content:
    """The hash and duplicates of the images: the same for any source that decodes to the same pixels. One pass."""
    whole = hashlib.sha256()
    where: dict[bytes, list[tuple[int, int]]] = defaultdict(list)
    for row, name in enumerate(classes):
        whole.update(name.encode() + b"\n")
        for column, image in enumerate(images[starts[row] : starts[row + 1]]):
            pixels = np.ascontiguousarray(image).data.cast("B")
            whole.update(pixels)
            where[hashlib.sha256(pixels).digest()].append((row, column))
    groups = [places for places in where.values() if len({row for row, _ in places}) > 1]
    return Content(whole.hexdigest(), [[f"{classes[row]}/{column}" for row, column in places] for places in groups])


def _new_array(path: Path, dimensions: tuple[int, ...]) -> np.memmap[Any, np.dtype[np.uint8]]:
    """A zeroed array on disk whose space is taken at once: a full disk is an OSError here, not a bus error later."""
    array = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=dimensions)
    if hasattr(os, "posix_fallocate"):
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    return array
