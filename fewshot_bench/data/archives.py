"""Files inside a folder, a zip or a tar, read as (name, bytes). The kind of an archive is known by its content.

Member names are only ever compared with expected names, never joined to a path, so a name such as `../../x` leads
nowhere; links inside archives are ignored, and no member is read beyond LARGEST bytes. Backslashes in stored names are
read as `/`.
"""

import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Generator, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import IO, Literal

from fewshot_bench.basics.errors import DataError
from fewshot_bench.data.unreadable import BROKEN, broken, explained_read_errors
from fewshot_bench.data.walking import files_below, files_in

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2", ".tbz2")
"""Suffixes of archives. A file with such a suffix that is not an archive counts as a broken one."""

LARGEST = 1 << 28  # bytes of one image in an archive, 256 MiB: far more than any photograph of these datasets has
IMAGES = (".jpg", ".jpeg", ".png")  # never archives, so these many files are not opened to find out

Wanted = Callable[[str], bool]
Open = Callable[[], IO[bytes]]


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
    """The bytes of one file. Raises DataError where it cannot be read."""
    with explained_read_errors(path):
        return path.read_bytes()


def member_names(path: Path, wanted: Wanted) -> list[str]:
    """The wanted file names inside a folder or an archive; a tar is read through for it."""
    if path.is_dir():
        return sorted(name for name, _ in _files(path) if wanted(name))
    return [name for name, _ in _entries(path) if wanted(name)]


def begins_with(path: Path, wanted: Wanted, files: int = 100) -> bool:
    """Whether one of the first `files` files inside an archive is wanted; False if it cannot be read.

    For archives that may belong to another dataset: only their beginning is read.
    """
    try:
        return any(wanted(name) for name, _ in islice(_entries(path), files))
    except DataError:
        return False


def files_of(path: Path, wanted: Wanted) -> list[Path]:
    """The files that the wanted members are read from: an archive itself, or each of them in a folder."""
    return [file for name, file in _files(path) if wanted(name)] if path.is_dir() else [path]


def members(path: Path, wanted: Wanted) -> Iterator[tuple[str, bytes]]:
    """(name, content) of the wanted files inside a folder or an archive, one at a time, in the order they are stored.

    Raises DataError when the archive is cut short, damaged, or a web page that was saved under its name.
    """
    if path.is_dir():
        yield from ((name, content_of_file(file)) for name, file in _files(path) if wanted(name))
        return
    for name, stored in _entries(path):
        if wanted(name):
            with explained_read_errors(path), stored() as file:
                content = file.read(LARGEST + 1)
            if len(content) > LARGEST:
                raise DataError(f"{path}: {name} has more than {LARGEST >> 20} MiB, which no image has. Leave it out.")
            yield name, content


def extracted(path: Path, wanted: Wanted, largest: int, folder: Path) -> Generator[tuple[str, IO[bytes]], None, None]:
    """(name, file) of the wanted members of an archive, one at a time, for members too large for memory.

    Each is a temporary file in `folder`, deleted when the next is asked for. Raises DataError as `members` does, and
    for a member of more than `largest` bytes.
    """
    for name, stored in _entries(path):
        if wanted(name):
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
    """(name, how to open it) of every file inside an archive; it has to be read before the next is asked for."""
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
