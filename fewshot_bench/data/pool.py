"""A pool: the images of a dataset by class, decoded once, one uint8 file on disk that is memory-mapped."""

import hashlib
import json
import os
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fewshot_bench.basics.errors import DataError
from fewshot_bench.basics.files import replacing, write_text
from fewshot_bench.basics.images import ImageShape
from fewshot_bench.data.known_pools import KNOWN_POOLS

IMAGES = "images.npy"
MANIFEST = "manifest.json"

Fill = Callable[[NDArray[np.uint8]], Mapping[str, Any] | None]
"""Writes every image into the array it is given; may return what it learned on the way, for the manifest."""


class Pool(NamedTuple):
    """The images of a dataset, memory-mapped and read only.

    images: uint8 [classes, examples, channels, height, width]; classes: their names, in that order.
    """

    images: NDArray[np.uint8]
    classes: tuple[str, ...]
    manifest: dict[str, Any]

    @property
    def shape(self) -> ImageShape:
        return ImageShape(*self.images.shape[2:])


class Content(NamedTuple):
    """hash: SHA-256 of names and pixels; duplicates: groups of equal images across classes, each as `class/example`."""

    hash: str
    duplicates: list[list[str]]


def write_pool(
    folder: Path,
    classes: tuple[str, ...],
    examples: int,
    shape: ImageShape,
    fill: Fill,
    manifest: Mapping[str, Any],
) -> Pool:
    """Makes the pool in `folder`: `fill` writes every image into the memory-mapped array it is given.

    The manifest goes down last, so a pool whose making was cut short is not taken for one. It gets, besides what is
    passed and what `fill` returns: classes, examples, shape, pool_hash, known_as (null for a hash the package does not
    know), and duplicates. A pool that stood there before goes only when the new one is whole.
    """
    with replacing(folder / IMAGES) as temporary:
        array = _new_array(temporary, (len(classes), examples, *shape))
        learned = fill(array) or {}
        array.flush()
        content = content_of(array, classes)
        del array
        (folder / MANIFEST).unlink(missing_ok=True)  # until it is back there is no pool here: never a mixed one
    whole = {
        **manifest,
        **learned,
        "examples": examples,
        "shape": list(shape),
        "pool_hash": content.hash,
        "known_as": KNOWN_POOLS.get(content.hash),
        "duplicates": content.duplicates,
        "classes": list(classes),
    }
    write_text(folder / MANIFEST, json.dumps(whole, indent=1, ensure_ascii=False) + "\n")
    return read_pool(folder)


def read_pool(folder: Path) -> Pool:
    """Opens a prepared pool. Raises DataError where it is torn or its two files do not belong together."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        images = np.load(folder / IMAGES, mmap_mode="r")
        expected = (len(manifest["classes"]), manifest["examples"], *manifest["shape"])
        manifest["pool_hash"], manifest["duplicates"]  # what others count on
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"the prepared pool in {folder} cannot be read ({error}). Delete that folder and run again."
        ) from error
    if images.shape != expected or images.dtype != np.uint8:
        raise DataError(
            f"the prepared pool in {folder} holds {images.dtype} {images.shape}, its manifest says uint8 {expected}. "
            "Delete that folder and run again."
        )
    return Pool(images, tuple(manifest["classes"]), manifest)


def content_of(images: NDArray[np.uint8], classes: tuple[str, ...]) -> Content:
    """What the images are: the same for any source that decodes to the same pixels. One pass, class by class."""
    whole = hashlib.sha256()
    where: dict[bytes, list[tuple[int, int]]] = defaultdict(list)
    for row, (name, examples) in enumerate(zip(classes, images, strict=True)):
        whole.update(name.encode() + b"\n")
        for column, image in enumerate(examples):
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
