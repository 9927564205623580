"""Files inside a folder, a zip or a tar, read as (name, bytes); and the errors that reading raises, explained.

The kind of an archive is known by its content. Member names are only compared with expected names and never joined to a
path, so a name such as `../../x` is harmless. Links inside archives are ignored, and no member is read beyond LARGEST
bytes. Backslashes in stored names are read as `/`.
"""

import codecs
import gzip
import lzma
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from typing import IO, Literal

from fewshot_bench.basics.errors import DataError
from fewshot_bench.data.walking import files_below, files_in

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
"""Exceptions of Python's readers for archives that are truncated, damaged, or no archives."""


SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2", ".tbz2")
"""Suffixes of archives. A file with such a suffix that is not an archive counts as a broken one."""

LARGEST = 1 << 28  # bytes of one image in an archive, 256 MiB: far more than any photograph of these datasets has
IMAGES = (".jpg", ".jpeg", ".png")  # never archives, so these many files are not opened to find out

NameFilter = Callable[[str], bool]
Open = Callable[[], IO[bytes]]


@contextmanager
def explained_read_errors(path: Path) -> Iterator[None]:
    """Turn errors of reading `path` into a DataError with one message."""
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
    """The first characters of a web page that begins with `head`; None if `head` begins no web page."""
    head = head.removeprefix(codecs.BOM_UTF8).lstrip()
    is_page = head.lower().startswith((b"<!doctype", b"<html", b"<?xml", b"<head"))
    return head[:40].decode("latin1") if is_page else None


def archive_kind(path: Path) -> Literal["zip", "tar"] | None:
    """The kind of archive that a file is, by its content; a tar may be compressed. None for any other file.

    Also None for a truncated zip, since its list of files comes last.
    """
    if not path.is_file() or path.name.lower().endswith(IMAGES):
        return None
    try:
        if tarfile.is_tarfile(path):  # first: a tar whose last file is a zip ends as a zip does
            return "tar"
        return "zip" if zipfile.is_zipfile(path) else None
    except BROKEN:
        return None


def is_archive(path: Path) -> bool:
    """Whether a file is an archive by its content, or by its name alone: a broken archive has to be reported."""
    return path.is_file() and (path.name.lower().endswith(SUFFIXES) or archive_kind(path) is not None)


def archives_in(folder: Path) -> tuple[Path, ...]:
    """The archives that lie directly in `folder`, by name."""
    return tuple(filter(is_archive, files_in(folder)))


def content_of_file(path: Path) -> bytes:
    """The bytes of one file. Raises DataError if it cannot be read."""
    with explained_read_errors(path):
        return path.read_bytes()


def member_names(path: Path, is_wanted: NameFilter) -> list[str]:
    """The wanted file names inside a folder or an archive. A tar is read to its end for that."""
    if path.is_dir():
        return sorted(name for name, _ in _files(path) if is_wanted(name))
    return [name for name, _ in _entries(path) if is_wanted(name)]


def any_of_first(path: Path, is_wanted: NameFilter, files: int = 100) -> bool:
    """Whether any of the first `files` files inside an archive is wanted; False if it cannot be read.

    For archives that may belong to another dataset: only their beginning is read.
    """
    try:
        return any(is_wanted(name) for name, _ in islice(_entries(path), files))
    except DataError:
        return False


def files_of(path: Path, is_wanted: NameFilter) -> list[Path]:
    """The files on disk that hold the wanted members: the archive itself, or each wanted file in a folder."""
    return [file for name, file in _files(path) if is_wanted(name)] if path.is_dir() else [path]


def members(path: Path, is_wanted: NameFilter) -> Iterator[tuple[str, bytes]]:
    """(name, content) of the wanted files inside a folder or an archive, one at a time, in the order they are stored.

    Raises DataError when the archive is cut short, damaged, or a web page that was saved under its name.
    """
    if path.is_dir():
        yield from ((name, content_of_file(file)) for name, file in _files(path) if is_wanted(name))
        return
    for name, stored in _entries(path):
        if is_wanted(name):
            with explained_read_errors(path), stored() as file:
                content = file.read(LARGEST + 1)
            if len(content) > LARGEST:
                raise DataError(f"{path}: {name} has more than {LARGEST >> 20} MiB, which no image has. Leave it out.")
            yield name, content


def extracted(
    path: Path, is_wanted: NameFilter, largest: int, folder: Path
) -> Generator[tuple[str, IO[bytes]], None, None]:
    """(name, file) of the wanted members of an archive, one at a time, for members too large for memory.

    Each is a temporary file in `folder`, deleted when the next is asked for. Raises DataError as `members` does, and
    for a member of more than `largest` bytes.
    """
    for name, stored in _entries(path):
        if is_wanted(name):
            with tempfile.TemporaryFile(dir=folder) as copy:
                for chunk in _chunks(path, stored):
                    copy.write(chunk)
                    if copy.tell() > largest:
                        raise DataError(f"{path}: {name} is larger than any original. Get the original.")
                copy.seek(0)
                yield name, copy


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    """(name, file) of all files below a folder. Unpacking some zips leaves backslashes in names; see `_name`."""
    return ((_name(file.relative_to(folder).as_posix()), file) for file in files_below(folder))


def _entries(path: Path) -> Iterator[tuple[str, Open]]:
    """(name, function that opens it) of every file inside an archive; read each before asking for the next."""
    kind = archive_kind(path)
    if kind is None:
        with explained_read_errors(path), path.open("rb"):  # a file that cannot be opened has its own message
            raise DataError(broken(path, "neither a whole zip nor a tar"))
    if kind == "zip":
        with explained_read_errors(path), zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                if not _name(entry.filename).endswith("/"):
                    yield _name(entry.filename), partial(archive.open, entry)
        return
    with explained_read_errors(path), tarfile.open(path, "r|*") as stream:
        for item in stream:
            if item.isfile():
                yield _name(item.name), partial(_stored, stream, item)


def _chunks(path: Path, stored: Open) -> Iterator[bytes]:
    with explained_read_errors(path), stored() as file:
        while chunk := file.read(1 << 20):
            yield chunk


def _stored(archive: tarfile.TarFile, item: tarfile.TarInfo) -> IO[bytes]:
    stored = archive.extractfile(item)
    assert stored is not None  # a regular file always has content
    return stored


def _name(stored: str) -> str:
    """A member's name with `/` between its parts; .NET and some zip programs on Windows write `\\`."""
    return stored.replace("\\", "/").removeprefix("./")
