"""Folders of somebody's own images, in the layouts, formats and states that people have."""

import io
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from fewshot_bench.basics.errors import DataError
from fewshot_bench.data.importing.planning import ImportOptions, planned_import


def picture(seed: int, width: int = 12, height: int = 10) -> Image.Image:
    """An RGB image of random pixels."""
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


def encoded(image: Image.Image, form: str = "PNG", **options: object) -> bytes:
    """The content of an image file."""
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def png(seed: int, width: int = 12, height: int = 10) -> bytes:
    return encoded(picture(seed, width, height))


def write(folder: Path, files: Mapping[str, bytes]) -> Path:
    """The files in a folder, with all folders that their names have."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def classes(count: int, images: int = 3, prefix: str = "", make: Callable[[int], bytes] = png) -> dict[str, bytes]:
    """`class00/image0.png` -> content: `count` classes of `images` different images; names begin with `prefix`."""
    return {
        f"{prefix}class{klass:02d}/image{number}.png": make(1000 * len(prefix) + 100 * klass + number)
        for klass in range(count)
        for number in range(images)
    }


def state(folder: Path) -> dict[Path, object]:
    """Everything below a folder with its time and its content."""
    return {path: (path.lstat().st_mtime_ns, path.is_file() and path.read_bytes()) for path in folder.rglob("*")}


def complaint(source: Path, **options: object) -> str:
    """The message with which the import of `source` ends, whether before or while the images are decoded."""
    try:
        plan = planned_import(source, ImportOptions(size=8, **options))
        plan.fill(np.zeros((sum(plan.counts), *plan.shape), np.uint8))
    except DataError as error:
        return str(error)
    raise AssertionError(f"{source} is imported without a complaint")


def imported(source: Path, **options: object):
    """(plan, pixels uint8 [n, c, h, w], manifest) of an import without faults."""
    plan = planned_import(source, ImportOptions(**{"size": 8, **options}))
    pixels = np.zeros((sum(plan.counts), *plan.shape), np.uint8)
    return plan, pixels, {**plan.manifest, **plan.fill(pixels)}
