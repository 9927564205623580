"""Unpickling that cannot run code: only numpy arrays and Python's own containers come out."""

import mmap
import pickle
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from fewshot_bench.basics.errors import DataError
from fewshot_bench.data.archives import page_start

Pickles = Generator[tuple[str, IO[bytes]], None, None]
"""(name for messages, open file) of pickles, one at a time."""


def opened(files: Sequence[Path]) -> Pickles:
    """Pickles on disk, each open until the next is asked for. Raises DataError if one cannot be read."""
    for path in files:
        try:
            file = path.open("rb")
        except OSError as error:
            raise DataError(f"cannot read {path}: {error.strerror}.") from error
        with file:
            yield str(path), file


def _array_maker() -> Any:
    """numpy's function that makes the empty array which a pickle then fills, whichever module numpy keeps it in."""
    return np.empty(0).__reduce__()[0]


def _integer(dtype: np.dtype, content: bytes) -> int:
    """A numpy scalar as an integer; other types are refused."""
    if dtype.kind not in "iu":
        raise pickle.UnpicklingError(f"a scalar of type {dtype}")
    return int(np.frombuffer(content, dtype)[0])


def _encode(text: str, encoding: str = "latin1") -> bytes:
    """`_codecs.encode` for pickles that Python 3 wrote for Python 2, in the one encoding that they use."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"text in encoding {encoding}")
    return text.encode("latin1")


ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    **{(f"numpy.{core}.multiarray", "_reconstruct"): _array_maker() for core in ("core", "_core")},
    **{(f"numpy.{core}.multiarray", "scalar"): _integer for core in ("core", "_core")},
    ("_codecs", "encode"): _encode,
    ("collections", "OrderedDict"): dict,
    ("collections", "defaultdict"): lambda *_: {},
    **{("__builtin__", kind.__name__): kind for kind in (dict, list, tuple, set, int, float, str)},
    **{("builtins", kind.__name__): kind for kind in (dict, list, tuple, set, int, float, str)},
}


class _Restricted(pickle.Unpickler):
    """An unpickler that resolves only the names in ALLOWED. A pickle reaches code by find_class alone."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ALLOWED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return ALLOWED[module, name]


class _Mapped:
    """A file whose reads are views of the mapped file, so that a large array is in memory once and not twice."""

    def __init__(self, content: memoryview) -> None:
        self.content = content
        self.at = 0

    def read(self, size: int) -> memoryview:
        self.at += size
        return self.content[self.at - size : self.at]

    def readinto(self, buffer: memoryview) -> int:
        chunk = self.read(len(buffer))
        buffer[: len(chunk)] = chunk
        return len(chunk)

    def readline(self) -> bytes:
        line = bytearray()
        while not line.endswith(b"\n") and self.at < len(self.content):
            line += self.read(1)
        return bytes(line)


def load(name: str, file: IO[bytes]) -> Any:
    """The content of a pickle of either Python, text of Python 2 as bytes. Raises DataError if it asks to run code.

    name: of the file, for messages.
    """
    try:
        # Closed when nothing looks at it any more: an unpickler that failed may still do so.
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        return _Restricted(_Mapped(memoryview(mapped)), encoding="bytes").load()  # type: ignore[arg-type]
    except Exception as error:  # a damaged pickle may raise anything
        page = page_start(_head(file))
        what = f"is a web page (it starts with {page!r})" if page else f"is refused ({type(error).__name__}: {error})"
        raise DataError(f"{name} {what}: not a pickle of arrays. Nothing in it was run; get the file again.") from error


def text_of(value: Any) -> str:
    """A key or name of a pickle as text; Python 2 wrote bytes."""
    return value.decode("latin1") if isinstance(value, bytes) else str(value)


def _head(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read(256)
