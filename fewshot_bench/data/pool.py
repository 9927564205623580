"""Pools: the images of a dataset by class, decoded once into one uint8 file on disk that is memory-mapped."""

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

IMAGES = "images.npy"
MANIFEST = "manifest.json"

KNOWN_POOLS: dict[str, str] = {
    # All 32,460 images of the two archives, each character with its 20 drawers; images of the official small sets are
    # byte-identical to those in these archives.
    "150ffb18707c7d4b1b0c0a0fb6a41e2bb87b173e710b8ac5df1acc3e8bd6fc58": (
        "Omniglot, the images of images_background.zip and images_evaluation.zip of brendenlake/omniglot, 28x28 nearest"
    ),
    # The JPEGs that the CSVs of Ravi and Larochelle name, all 60,000, at 84x84 as they came (most likely OpenCV's area
    # filter); decoded by libjpeg-turbo, other JPEG decoders may differ by a grey level here and there.
    "26f943a4f4547361fec2ae6991fe4237e2883fb6ed32fce9cb465cadcda35785": (
        "mini-ImageNet, the 84x84 JPEGs of Ravi and Larochelle's CSVs, not resized"
    ),
}
"""Hashes of pools whose source was checked. Another hash is no error, but then the pixels are not these."""

Progress = Callable[[str, int, int], None]
"""progress(what, done, total): called often while a pool is prepared; `done` runs from 0 to `total`."""

Fill = Callable[[NDArray[np.uint8]], Mapping[str, Any] | None]
"""fill(array): writes every image into the array; may return entries for the manifest."""


def silent(what: str, done: int, total: int) -> None:
    """No progress is shown."""


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
    """Make the pool in `folder`: `fill` writes every image into a memory-mapped array.

    The manifest is written last, so an interrupted call leaves no pool. It holds the entries of `manifest` and of
    `fill`, and: classes, examples, shape, pool_hash, known_as (null if the hash is not in KNOWN_POOLS), duplicates. An
    older pool in the folder is removed only when the new one is whole.
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
    """Open a prepared pool. Raises DataError if it is incomplete or its two files do not belong together."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        images = np.load(folder / IMAGES, mmap_mode="r")
        expected = (len(manifest["classes"]), manifest["examples"], *manifest["shape"])
        manifest["pool_hash"], manifest["duplicates"]  # other modules rely on these
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
    """The hash and duplicates of the images: the same for any source that decodes to the same pixels. One pass."""
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
