"""Raw data in whatever layout it was found, and how it becomes a pool."""

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fewshot_bench.basics.errors import DataError
from fewshot_bench.basics.files import sha256_of
from fewshot_bench.data.pool import Pool
from fewshot_bench.data.progress import Progress

Positions = Mapping[str, tuple[int, int]]
"""Name of an image (as its layout names it) -> (class index, example index)."""


class Raw(NamedTuple):
    """kind: the layout, in words; where: what was recognised; prepare(folder, progress) makes the pool there."""

    kind: str
    where: Path
    prepare: Callable[[Path, Progress], Pool]


def positions(classes: Mapping[str, Iterable[str]], expected: int, examples: int, where: Path) -> Positions:
    """Gives every image its place: classes by name, examples by file name, so that no layout orders them otherwise.

    classes: class name -> names of its images. Raises DataError where a class is missing or does not hold `examples`.
    """
    wrong = [
        f"{name} has {len(list(files))}" for name, files in sorted(classes.items()) if len(list(files)) != examples
    ]
    if wrong:
        more = f" and {len(wrong) - 3} more classes" if len(wrong) > 3 else ""
        raise DataError(
            f"{where}: each class holds {examples} images, but {', '.join(wrong[:3])}{more}. Get a complete copy."
        )
    if len(classes) != expected:
        raise DataError(
            f"{where}: {expected} classes belong to this dataset, {len(classes)} are there. Get a complete copy."
        )
    return {
        file: (row, column)
        for row, name in enumerate(sorted(classes))
        for column, file in enumerate(sorted(classes[name]))
    }


def fill(
    array: NDArray[np.uint8],
    places: Positions,
    images: Iterable[tuple[str, bytes]],
    decode: Callable[[str, bytes], NDArray[np.uint8]],
    where: Path,
    progress: Progress,
) -> None:
    """Decodes `images` (name as in `places`, content) into `array`, on two threads, a few images in flight.

    Raises DataError for an image that does not decode, comes twice, or never comes.
    """
    filled = np.zeros(array.shape[:2], dtype=bool)
    total = filled.size
    for done, (name, pixels) in enumerate(_decoded(images, decode), 1):
        place = places[name]
        if filled[place]:
            raise DataError(f"{where}: {name} is there twice. Keep one copy of it.")
        array[place] = pixels
        filled[place] = True
        progress("decoding images", done, total)
    missing = [name for name, place in places.items() if not filled[place]]
    if missing:
        raise DataError(
            f"{where}: {len(missing)} images are named but not there, the first is {missing[0]}. Get a complete copy."
        )


def _decoded(
    images: Iterable[tuple[str, bytes]], decode: Callable[[str, bytes], NDArray[np.uint8]]
) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """Pillow and the decompressors let go of the interpreter lock, so reading and decoding overlap."""
    with ThreadPoolExecutor(2) as threads:
        waiting: deque[tuple[str, Future[NDArray[np.uint8]]]] = deque()
        for name, content in images:
            waiting.append((name, threads.submit(decode, name, content)))
            if len(waiting) >= 256:
                first, future = waiting.popleft()
                yield first, future.result()
        for name, future in waiting:
            yield name, future.result()


def source_record(kind: str, where: Path, files: Iterable[Path]) -> dict[str, Any]:
    """What the manifest says about where a pool came from: layout, place, and SHA-256 of each file (of all, if they are many)."""
    files = sorted(files)
    record: dict[str, Any] = {"layout": kind, "path": str(where)}
    if len(files) <= 16:
        return {**record, "sha256": {file.name: sha256_of(file) for file in files}}
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.relative_to(where).as_posix().encode() + b"\n" + file.read_bytes())
    return {**record, "files": len(files), "sha256_of_all": digest.hexdigest()}
