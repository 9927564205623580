"""Raw data in whatever layout it was found, and how its images find their places in a pool."""

import hashlib
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fewshot_bench.basics.counting import counted
from fewshot_bench.basics.errors import DataError
from fewshot_bench.basics.files import sha256_of
from fewshot_bench.data.archives import content_of_file
from fewshot_bench.data.pool import Pool
from fewshot_bench.data.progress import Progress
from fewshot_bench.data.walking import dead_ends

Places = Mapping[str, tuple[int, int]]
"""Name of an image, as its layout has it -> (class index, example index) in the pool."""

Images = Generator[tuple[str, bytes], None, None]
"""(name as in `Places`, content) of images, one after another."""


class Raw(NamedTuple):
    """kind: the layout, in words; where: what was recognised; prepare(folder, progress) makes the pool in `folder`."""

    kind: str
    where: Path
    prepare: Callable[[Path, Progress], Pool]


class Decoded(NamedTuple):
    """pixels: uint8 [channels, height, width]; resize: the filter that made them that size, `none` if they had it."""

    pixels: NDArray[np.uint8]
    resize: str


Decode = Callable[[str, bytes], Decoded]


def places_of(found: Mapping[str, Sequence[str]], expected: Sequence[str], examples: int, where: Path) -> Places:
    """Gives every image its place: classes by name, examples by file name, so that no layout orders them otherwise.

    found: class name -> names of its images; expected: the class names of the dataset.
    Raises DataError if a class is missing, foreign or without `examples` images, or if an image is in two places.
    """
    missing, foreign = sorted(set(expected) - set(found)), sorted(set(found) - set(expected))
    uneven = [f"{name} has {len(found[name])}" for name in sorted(found) if len(found[name]) != examples]
    for problem, which in (
        ("missing", missing),
        ("not of this dataset", foreign),
        (f"without {counted(examples, 'image')}", uneven),
    ):
        if which:
            raise DataError(f"{where}: {counted(len(which), 'class')} {problem}: {_some(which)}. {_remedy(where)}")
    twice = sorted(name for name, times in Counter(chain.from_iterable(found.values())).items() if times > 1)
    if twice:
        raise DataError(f"{where}: {counted(len(twice), 'image')} named twice: {_some(twice)}. Get the original files.")
    return {
        name: (row, column)
        for row, klass in enumerate(sorted(found))
        for column, name in enumerate(sorted(found[klass]))
    }


def fill(
    array: NDArray[np.uint8],
    places: Places,
    images: Images,
    decode: Decode,
    where: Path,
    progress: Progress,
) -> dict[str, Any]:
    """Decodes `images` (name as in `places`, content) into `array`; returns how many were resized how.

    `images` is closed at the end, also after an error, and with it the file that it reads.

    Raises DataError for an image that does not decode, comes twice, or never comes.
    """
    filled = np.zeros(array.shape[:2], dtype=bool)
    resized: Counter[str] = Counter()
    with closing(images), closing(_decoded(images, decode)) as decoded:
        for done, (name, image) in enumerate(decoded, 1):
            place = places[name]
            if filled[place]:
                raise DataError(f"{where}: {name} is there twice. Keep one copy of it.")
            array[place] = image.pixels
            filled[place] = True
            resized[image.resize] += 1
            progress("decoding images", done, filled.size)
    missing = [name for name, place in places.items() if not filled[place]]
    if missing:
        raise DataError(f"{where}: {counted(len(missing), 'image')} missing: {_some(missing)}. {_remedy(where)}")
    return {"resize": dict(resized)}


def source_record(kind: str, where: Path, files: Iterable[Path]) -> dict[str, Any]:
    """What the manifest says of a source: layout, place, the SHA-256 of each file (one over all if they are many)."""
    files = sorted(files)
    record: dict[str, Any] = {"layout": kind, "path": str(where)}
    if len(files) <= 16:
        return {**record, "sha256": {file.name: sha256_of(file) for file in files}}
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.relative_to(where).as_posix().encode() + b"\n" + content_of_file(file))
    return {**record, "files": len(files), "sha256_of_all": digest.hexdigest()}


def _decoded(images: Images, decode: Decode) -> Generator[tuple[str, Decoded], None, None]:
    """Decodes on two threads, in order, with few images in flight.

    Pillow and the decompressors let go of the interpreter lock, so reading and decoding overlap.
    """
    waiting: deque[tuple[str, Future[Decoded]]] = deque()
    with ThreadPoolExecutor(2) as threads:
        for name, content in images:
            waiting.append((name, threads.submit(decode, name, content)))
            if len(waiting) >= 256:
                first, future = waiting.popleft()
                yield first, future.result()
        for name, future in waiting:
            yield name, future.result()


def _remedy(where: Path) -> str:
    """What to do if images are missing or surplus."""
    dead = dead_ends(where) if where.is_dir() else []
    if dead:
        return f"Mend these dead links or unreadable folders: {_some([str(path) for path in dead])}."
    return "Get a complete copy of the dataset."


def _some(names: Sequence[str]) -> str:
    """The first three of `names`, and that there are more."""
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
