"""A pool: the images of a dataset by class, decoded once, one uint8 file on disk that is memory-mapped."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fewshot_bench.basics.errors import DataError
from fewshot_bench.basics.files import replacing, write_text
from fewshot_bench.basics.images import ImageShape

IMAGES = "images.npy"
MANIFEST = "manifest.json"


class Pool(NamedTuple):
    """images: uint8 [classes, examples, channels, height, width], memory-mapped, read only; classes: their names, in that order."""

    images: NDArray[np.uint8]
    classes: tuple[str, ...]
    manifest: dict[str, Any]

    @property
    def shape(self) -> ImageShape:
        return ImageShape(*self.images.shape[2:])


def write_pool(
    folder: Path,
    classes: tuple[str, ...],
    examples: int,
    shape: ImageShape,
    fill: Callable[[NDArray[np.uint8]], None],
    manifest: dict[str, Any],
) -> Pool:
    """Makes the pool in `folder`: `fill` writes every image into the memory-mapped array it is given.

    The manifest goes down last and holds the hash of the images, so a pool whose making was cut short is not taken for one.
    """
    with replacing(folder / IMAGES) as temporary:
        dimensions = (len(classes), examples, *shape)
        array = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.uint8, shape=dimensions)
        fill(array)
        array.flush()
        content = content_hash(array, classes)
        del array
    whole = {**manifest, "classes": list(classes), "examples": examples, "shape": list(shape), "pool_hash": content}
    write_text(folder / MANIFEST, json.dumps(whole, indent=1, ensure_ascii=False) + "\n")
    return read_pool(folder)


def read_pool(folder: Path) -> Pool:
    """Opens a prepared pool. Raises DataError where it is torn or its two files do not belong together."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        images = np.load(folder / IMAGES, mmap_mode="r")
        expected = (len(manifest["classes"]), manifest["examples"], *manifest["shape"])
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


def content_hash(images: NDArray[np.uint8], classes: tuple[str, ...]) -> str:
    """SHA-256 over class names and pixels, class by class: the same for any source that decodes to the same images."""
    digest = hashlib.sha256()
    for name, examples in zip(classes, images, strict=True):
        digest.update(name.encode() + b"\n")
        digest.update(np.ascontiguousarray(examples))
    return digest.hexdigest()
