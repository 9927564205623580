"""All images of a user read once: their pixels into an array, and which are unreadable or equal.

Two threads decode, since Pillow releases the interpreter lock. A few images wait at a time, so memory does not grow
with their number.
"""

import hashlib
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fewshot_bench.data.importing.decoding import (
    NOT_DECODED,
    Square,
    UnreadableError,
    decoded_square,
    square_of,
    strict_decoding,
)
from fewshot_bench.data.importing.items import image_of
from fewshot_bench.data.importing.layouts import LabelledImage
from fewshot_bench.data.importing.scanning import Content
from fewshot_bench.data.pool import Progress

THREADS = 2
WAITING = 32  # images that are read and not yet taken, at most


class Reading(NamedTuple):
    """What one pass over the images shows; an image is named by its index.

    unreadable: image -> why. equal: groups of images of the same pixels. on_white: images that were transparent.
    enlarged: images smaller than the pool's. sha256: of all files, names and content, in the order of the pool.
    """

    unreadable: dict[int, str]
    equal: list[list[int]]
    on_white: int
    enlarged: int
    sha256: str


class _Image(NamedTuple):
    """square: None if the image is unreadable, then why says it; sha256: of the file's content."""

    square: Square | None
    why: str
    sha256: bytes


def read_images(
    images: Sequence[LabelledImage],
    contents: Iterable[tuple[str, Content]],
    size: int,
    gray: bool,
    array: NDArray[np.uint8] | None,
    progress: Progress,
    what: str = "decoding images",
) -> Reading:
    """Decode all images, and compare them.

    Args:
        images: The images, in the order of the pool.
        contents: Each image's file name, with its content, in any order.
        size: Height and width of a pool's image, in pixels.
        gray: Whether it has one channel.
        array: uint8 [images, channels, size, size], which gets the pixels. None: the images are only checked.
        progress: Called after each image.
        what: What it is told of.
    """
    index = {image.file: number for number, image in enumerate(images)}
    unreadable: dict[int, str] = {}
    places: dict[bytes, list[int]] = defaultdict(list)
    seen: Counter[str] = Counter()
    files: list[bytes] = [b""] * len(images)

    def decode(file: str, content: Content) -> tuple[int, _Image]:
        return index[file], _image(file, content, size, gray)

    with strict_decoding():
        for done, (number, image) in enumerate(_in_threads(decode, contents), 1):
            files[number] = image.sha256
            if image.square is None:
                unreadable[number] = image.why
            else:
                pixels = np.ascontiguousarray(image.square.pixels)
                places[hashlib.sha256(pixels.data.cast("B")).digest()].append(number)
                seen.update(on_white=image.square.on_white, enlarged=image.square.enlarged)
                if array is not None:
                    array[number] = pixels
            progress(what, done, len(images))
    whole = hashlib.sha256()
    for labelled, digest in zip(images, files, strict=True):
        whole.update(labelled.file.encode(errors="surrogateescape") + b"\n" + digest)
    equal = sorted(sorted(numbers) for numbers in places.values() if len(numbers) > 1)
    by_number = dict(sorted(unreadable.items()))
    return Reading(by_number, equal, seen["on_white"], seen["enlarged"], whole.hexdigest())


def _image(file: str, content: Content, size: int, gray: bool) -> _Image:
    """Read and decode one image; an error becomes the reason why it is unreadable."""
    digest = b""
    try:
        if not isinstance(content, bytes | Path):
            image = image_of(content)
            return _Image(square_of(image, size, gray), "", hashlib.sha256(image.tobytes()).digest())
        content = content.read_bytes() if isinstance(content, Path) else content
        digest = hashlib.sha256(content).digest()
        if PurePosixPath(file).suffix.lower() in NOT_DECODED:  # raw photos would decode as their small preview
            raise UnreadableError("its format is not decoded; convert it to PNG or JPEG")
        return _Image(decoded_square(content, size, gray), "", digest)
    except UnreadableError as error:
        return _Image(None, str(error), digest)
    except OSError as error:
        return _Image(None, f"it cannot be read: {error.strerror}", digest)


def _in_threads(
    decode: Callable[[str, Content], tuple[int, _Image]], contents: Iterable[tuple[str, Content]]
) -> Iterator[tuple[int, _Image]]:
    """The results of decode(file, content), in order."""
    waiting: deque[Future[tuple[int, _Image]]] = deque()
    with ThreadPoolExecutor(THREADS) as threads:
        for file, content in contents:
            waiting.append(threads.submit(decode, file, content))
            if len(waiting) >= WAITING:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
