"""Raw data of any layout: a place in the pool for each image, and its decoding as the published pipelines do it."""

import hashlib
import io
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fewshot_bench.basics.counting import counted
from fewshot_bench.basics.errors import DataError
from fewshot_bench.basics.files import sha256_of
from fewshot_bench.basics.images import ImageShape
from fewshot_bench.data.archives import content_of_file
from fewshot_bench.data.pool import Pool, Progress
from fewshot_bench.data.walking import dead_ends

CHARACTER = ImageShape(1, 28, 28)
PHOTO = ImageShape(3, 84, 84)

Places = Mapping[str, int]
"""Name of an image, as its layout has it -> its row in the pool."""

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


class Labelled(NamedTuple):
    """Images and their classes.

    names: class -> names of its images. images(): (name, content) of each. decode(name, content): an image's pixels.
    files: the files on disk that hold them.
    """

    names: dict[str, list[str]]
    images: Callable[[], Images]
    decode: Decode
    files: list[Path]


def places_of(
    by_class: Mapping[str, Sequence[str]], expected: Sequence[str], examples: int | None, where: Path
) -> Places:
    """The place of every image: classes by name, examples by file name, so that every layout gives the same order.

    by_class: class name -> names of its images. expected: the class names of the dataset. examples: images of every
    class; None: classes differ.

    Raises DataError if a class is missing, foreign or without `examples` images, or if an image is in two places.
    """
    missing, foreign = sorted(set(expected) - set(by_class)), sorted(set(by_class) - set(expected))
    problems = [("missing", missing), ("not of this dataset", foreign)]
    if examples is not None:
        uneven = [f"{name} has {len(by_class[name])}" for name in sorted(by_class) if len(by_class[name]) != examples]
        problems.append((f"without {counted(examples, 'image')}", uneven))
    for problem, which in problems:
        if which:
            raise DataError(f"{where}: {counted(len(which), 'class')} {problem}: {_some(which)}. {_remedy(where)}")
    twice = sorted(name for name, times in Counter(chain.from_iterable(by_class.values())).items() if times > 1)
    if twice:
        raise DataError(f"{where}: {counted(len(twice), 'image')} named twice: {_some(twice)}. Get the original files.")
    return places_in_order(by_class)


def places_in_order(by_class: Mapping[str, Sequence[str]]) -> Places:
    """The row of every image: classes by name, and the images of each by name."""
    names = (name for klass in sorted(by_class) for name in sorted(by_class[klass]))
    return {name: row for row, name in enumerate(names)}


def fill(
    array: NDArray[np.uint8],
    places: Places,
    images: Images,
    decode: Decode,
    where: Path,
    progress: Progress,
) -> dict[str, Any]:
    """Decode `images` into `array`; returns the number of images per resize filter.

    `images` is closed at the end, also after an error, and with it the file that it reads.

    Raises DataError for an image that does not decode, comes twice, or never comes.
    """
    filled = np.zeros(len(array), dtype=bool)
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
    """The manifest's record of a source: layout, path, and the SHA-256 of each file (of all together if over 16)."""
    files = sorted(files)
    record: dict[str, Any] = {"layout": kind, "path": str(where)}
    if len(files) <= 16:
        return {**record, "sha256": {file.name: sha256_of(file) for file in files}}
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.relative_to(where).as_posix().encode() + b"\n" + content_of_file(file))
    return {**record, "files": len(files), "sha256_of_all": digest.hexdigest()}


def _decoded(images: Images, decode: Decode) -> Generator[tuple[str, Decoded], None, None]:
    """Decode on two threads, in order, with at most 256 images waiting.

    Pillow and the decompressors release the interpreter lock, so reading and decoding overlap.
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
    """The sentence that says what to do if images are missing or surplus."""
    dead = dead_ends(where) if where.is_dir() else []
    if dead:
        return f"Mend these dead links or unreadable folders: {_some([str(path) for path in dead])}."
    return "Get a complete copy of the dataset."


def _some(names: Sequence[str]) -> str:
    """The first three of `names`, with dots if there are more."""
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")


def decode_character(name: str, content: bytes, side: int = CHARACTER.width) -> Decoded:
    """A 1-bit PNG of a character -> [1, side, side]: paper 255, strokes 0, not inverted.

    The published pipelines ask Pillow for LANCZOS, which Pillow turns into nearest neighbour for 1-bit images. Raises
    DataError if it does not decode or is not 1-bit.
    """
    return character(name, opened_image(name, content), side)


def character(name: str, image: Image.Image, side: int = CHARACTER.width) -> Decoded:
    """`decode_character` for an open image."""
    if image.mode != "1":
        raise DataError(f"{name} has image mode {image.mode!r}, not the 1-bit one of the originals. Use those.")
    resized = image.resize((side, side), Image.Resampling.NEAREST)
    return Decoded(np.asarray(resized)[None].astype(np.uint8) * np.uint8(255), "nearest")


def decode_photo(name: str, content: bytes, side: int = PHOTO.width) -> Decoded:
    """A photograph -> [3, side, side] RGB; other sizes are resized by Pillow's default filter, as in MAML++'s loader.

    Grey and CMYK photographs (ImageNet has some) become RGB. Raises DataError for other modes and undecodable files.
    """
    return photo(name, opened_image(name, content), side)


def photo(name: str, image: Image.Image, side: int = PHOTO.width) -> Decoded:
    """`decode_photo` for an open image."""
    if image.mode not in ("RGB", "L", "CMYK"):
        raise DataError(f"{name} has image mode {image.mode!r}, not RGB, grey or CMYK. Use the originals.")
    image = image.convert("RGB")
    resize = "none"
    if image.size != (side, side):
        image, resize = image.resize((side, side)), "bicubic (Pillow's default)"
    return Decoded(np.asarray(image).transpose(2, 0, 1), resize)


def opened_image(name: str, content: bytes) -> Image.Image:
    """The image in a file's content, read whole. Raises DataError if it does not decode."""
    try:
        image = Image.open(io.BytesIO(content))
        image.load()
    except Exception as error:  # Pillow's decoders raise many types, all with this meaning
        raise DataError(f"{name} cannot be decoded as an image ({error}). Get a fresh copy of it.") from error
    return image
