"""Messages for files that cannot be read: web pages saved as data, truncated, damaged or locked files."""

import codecs
import gzip
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fewshot_bench.basics.errors import DataError

BROKEN = (
    zipfile.BadZipFile,
    tarfile.TarError,
    lzma.LZMAError,
    gzip.BadGzipFile,
    zlib.error,
    EOFError,
    OSError,
    NotImplementedError,  # a zip packed by a method that Python does not know
    RuntimeError,  # a zip with a password
)
"""What Python's readers raise when an archive is cut short, damaged, or no archive."""


@contextmanager
def explained_read_errors(path: Path) -> Iterator[None]:
    """Turns errors of reading `path` into a DataError with one message."""
    try:
        yield
    except BROKEN as error:
        if isinstance(error, OSError) and error.errno is not None:  # an error of the system, not of the file's content
            raise DataError(f"cannot read {path}: {error.strerror}.") from error
        if isinstance(error, RuntimeError):
            raise DataError(f"cannot read {path}: {error}. Unpack it by hand and give its folder.") from error
        raise DataError(broken(path, f"{type(error).__name__}: {error}")) from error


def broken(path: Path, why: str) -> str:
    """The message for a file that is a web page, truncated or damaged."""
    page = html_start(path)
    if page is not None:
        return (
            f"{path} is a web page, not data (it starts with {page!r}): the host answered with a page instead of the "
            "file. Download the file again, by hand if need be."
        )
    return f"{path} is cut short or damaged ({why}). Download it again."


def html_start(path: Path) -> str | None:
    """The first characters of a file that is a web page, None for any other."""
    try:
        with path.open("rb") as file:
            return page_start(file.read(256))
    except OSError:
        return None


def page_start(head: bytes) -> str | None:
    """The first characters of a web page that begins with `head`, None if it is none."""
    head = head.removeprefix(codecs.BOM_UTF8).lstrip()
    is_page = head.lower().startswith((b"<!doctype", b"<html", b"<?xml", b"<head"))
    return head[:40].decode("latin1") if is_page else None
