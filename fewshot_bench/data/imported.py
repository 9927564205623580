"""Folders of images that a user imported: their pools are found by name, and their manifests say all else.

A cell of such a dataset records the pool's size, channels, hashes and part sizes as options. So a cell is bound to the
images and to the split that it was computed with, and a later import under the same name makes other cells.
"""

from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fewshot_bench.basics.errors import DataError
from fewshot_bench.basics.images import ImageShape
from fewshot_bench.cells.cell import Options
from fewshot_bench.data.dataset import IMAGENET_MEAN, IMAGENET_STD, Dataset, Strokes
from fewshot_bench.data.importing.decoding import square_of
from fewshot_bench.data.locations import pool_roots
from fewshot_bench.data.pool import MANIFEST, Pool, read_pool
from fewshot_bench.data.splits import PARTS, SplitSizes, make_split

IMPORTED = "imported"
"""The entry of a manifest that an imported folder's pool has and others have not: {"split": its name, ...}."""

SHOWN = 16  # hexadecimal digits of a hash that a cell records


def imported(name: str, *, size: int, channels: int, split: str, parts: tuple[int, ...], pool: str) -> Dataset:
    """The dataset of an imported folder of images.

    Args:
        name: Its name in a grid.
        size: Height and width of its images, in pixels.
        channels: 1 for grey images, 3 for colour.
        split: The name of its class split.
        parts: The number of classes in train, val and test.
        pool: First digits of the pool's hash and of the split's, as `hash_of` returns them.
    """
    return Dataset(
        name=name,
        shape=ImageShape(channels, size, size),
        splits={split: SplitSizes(*parts)},
        find_raw=lambda path: None,
        layouts="a folder of images, by `data import`",
        mean=IMAGENET_MEAN if channels == 3 else (0.0,),
        std=IMAGENET_STD if channels == 3 else (1.0,),
        prepare=partial(_prepared, size, channels == 1),
        pool_hash=pool,
    )


def _prepared(size: int, gray: bool, name: str, image: Image.Image, strokes: Strokes) -> tuple[NDArray[np.uint8], str]:
    """A new image as those of the folder were made when it was imported, and what was done."""
    done = f"largest centred square of {image.width} x {image.height}, {size} x {size}, {'grey' if gray else 'RGB'}"
    return square_of(image, size, gray).pixels, done


def imported_names(data_dir: Path) -> list[str]:
    """The names of the folders of images that were imported into a data folder."""
    found: dict[str, Path] = {}
    for root in pool_roots(data_dir):
        for manifest in sorted(root.glob(f"*/{MANIFEST}")):
            if f'"{IMPORTED}":' in manifest.read_text(encoding="utf-8", errors="replace"):
                found.setdefault(manifest.parent.name, manifest.parent)
    return sorted(found)


def recorded_options(name: str, data_dir: Path) -> Options:
    """What a cell records of an imported dataset. Raises DataError if its pool cannot be read."""
    pool = next(read_pool(root / name) for root in pool_roots(data_dir) if (root / name / MANIFEST).is_file())
    channels, size, _ = pool.shape
    split = pool.manifest[IMPORTED]["split"]
    parts = tuple(len(pool.manifest["splits"][split][part]) for part in PARTS)
    return (
        ("channels", channels),
        ("parts", parts),
        ("pool", hash_of(pool)),
        ("size", size),
        ("split", split),
    )


def hash_of(pool: Pool) -> str:
    """First digits of the hashes of a pool's images and of its split: they tell one import from another."""
    split = pool.manifest[IMPORTED]["split"]
    found = make_split(split, pool.manifest["splits"][split])
    return f"{pool.manifest['pool_hash'][:SHOWN]}-{found.hash[:SHOWN]}"


def check_import(known: Dataset, pool: Pool) -> None:
    """Raises DataError if an imported pool is not the one that a cell was made for."""
    if known.pool_hash and hash_of(pool) != known.pool_hash:
        raise DataError(
            f"{known.name} was imported again, with other images or another split, since this cell was made. Run its "
            "grid file again, which makes a new cell, or import the old images under another name."
        )
