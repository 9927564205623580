"""Files inside a folder, a zip or a tar, read as (name, bytes) without unpacking anything to disk.

Member names are only ever compared with expected names, never joined to a path, so a name such as `../../x` leads
nowhere; links inside tars are passed over.
"""

import gzip
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from fewshot_bench.basics.errors import DataError

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2", ".tbz2")

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

Wanted = Callable[[str], bool]


def is_archive(path: Path) -> bool:
    """Whether the name is that of an archive; the content is judged on reading."""
    return path.is_file() and path.name.lower().endswith(ARCHIVES)


def archives_in(folder: Path) -> tuple[Path, ...]:
    """The archives that lie directly in `folder`, by name."""
    return tuple(sorted(path for path in folder.iterdir() if is_archive(path))) if folder.is_dir() else ()


def content_of_file(path: Path) -> bytes:
    """The bytes of one file. Raises DataError where it cannot be read."""
    with _said(path):
        return path.read_bytes()


def member_names(path: Path, wanted: Wanted) -> list[str]:
    """The wanted file names inside a folder or an archive, as they are stored; a tar is read through for it."""
    if path.is_dir():
        return sorted(name for name in _walk(path) if wanted(name))
    if path.name.lower().endswith(".zip"):
        with _said(path), zipfile.ZipFile(path) as archive:
            return [entry.filename for entry in archive.infolist() if not entry.is_dir() and wanted(entry.filename)]
    with _said(path), tarfile.open(path, "r|*") as archive:
        return [entry.name for entry in archive if entry.isfile() and wanted(entry.name)]


def members(path: Path, wanted: Wanted) -> Iterator[tuple[str, bytes]]:
    """(name, content) of the wanted files inside a folder or an archive, one at a time, in the order they are stored.

    Raises DataError when the archive is cut short, damaged, or a web page that was saved under its name.
    """
    if path.is_dir():
        for name in member_names(path, wanted):
            yield name, content_of_file(path / name)
    elif path.name.lower().endswith(".zip"):
        with _said(path), zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                if not entry.is_dir() and wanted(entry.filename):
                    yield entry.filename, archive.read(entry)
    else:
        with _said(path), tarfile.open(path, "r|*") as archive:
            for item in archive:
                if item.isfile() and wanted(item.name):
                    stored = archive.extractfile(item)
                    assert stored is not None  # a regular file always has content
                    yield item.name, stored.read()


@contextmanager
def _said(path: Path) -> Iterator[None]:
    """Turns whatever reading `path` raises into one sentence."""
    try:
        yield
    except BROKEN as error:
        raise DataError(broken(path, error)) from error


def broken(path: Path, error: Exception) -> str:
    """The sentence for a file that cannot be read: a web page, cut short, or damaged."""
    page = html_start(path)
    if page is not None:
        return (
            f"{path} is a web page, not data (it starts with {page!r}): the host answered with a page instead of the "
            "file. Download the file again, by hand if need be."
        )
    return f"{path} is cut short or damaged ({type(error).__name__}: {error}). Download it again."


def html_start(path: Path) -> str | None:
    """The first characters of a file that is a web page, None of any other."""
    try:
        with path.open("rb") as file:
            head = file.read(256).lstrip()
    except OSError:
        return None
    is_page = head.lower().startswith((b"<!doctype", b"<html", b"<?xml", b"<head"))
    return head[:40].decode("latin1") if is_page else None


def _walk(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*"):
        if path.is_file():
            yield path.relative_to(folder).as_posix()
