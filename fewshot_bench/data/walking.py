"""Files and folders below a folder. Links are followed, except a link to a folder that contains it.

Hidden folders (`.prepared`, `.git`) hold no raw data and are skipped. So are unreadable folders, since the root of a
disk has a `lost+found`; `dead_ends` lists them if images are missing.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from fewshot_bench.basics.errors import DataError

_Identity = tuple[int, int]  # (device, inode): the same for every path to a folder


def files_below(folder: Path) -> Iterator[Path]:
    """Every file below `folder`, however deep; a folder's own files, by name, before those of its subfolders.

    Raises DataError if `folder` itself cannot be read.
    """
    _, names = _listed(folder)
    yield from (folder / name for name in names)
    for inner in _below(folder, frozenset(), None):
        yield from files_in(inner)


def folders_below(folder: Path, levels: int | None) -> Iterator[Path]:
    """The folders at most `levels` below `folder` (None: any), each before those inside it."""
    return _below(folder, frozenset(), levels)


def subfolders(folder: Path) -> list[Path]:
    """The folders directly in `folder`, by name; none if it is no folder."""
    names = _listed(folder)[0] if folder.is_dir() else []
    return [folder / name for name in names if not name.startswith(".") and _is_readable(folder / name)]


def files_in(folder: Path) -> list[Path]:
    """The files directly in `folder`, by name; none if it is no folder."""
    return [folder / name for name in _listed(folder)[1]] if folder.is_dir() else []


def dead_ends(folder: Path, levels: int | None = 2) -> list[Path]:
    """Dead links and unreadable folders in `folder`, or at most `levels` below it (None: any).

    They may be the reason that images are missing. Hidden ones are left out: Emacs locks a file by a dead link.
    """
    places = (folder, *folders_below(folder, levels))
    seen = (path for place in places for path in sorted(place.iterdir()) if not path.name.startswith("."))
    return [path for path in seen if is_dead_link(path) or (path.is_dir() and not _is_readable(path))]


def is_dead_link(path: Path) -> bool:
    """Whether `path` is a link to a file that does not exist."""
    return path.is_symlink() and not path.exists()


def _below(folder: Path, above: frozenset[_Identity], levels: int | None) -> Iterator[Path]:
    """The folders below `folder` that are not among those `above` it; levels: how deep, None for any depth."""
    here = folder.stat()
    inside = above | {(here.st_dev, here.st_ino)}
    for inner in subfolders(folder) if levels != 0 else ():
        there = inner.stat()
        if (there.st_dev, there.st_ino) not in inside:
            yield inner
            yield from _below(inner, inside, None if levels is None else levels - 1)


def _listed(folder: Path) -> tuple[list[str], list[str]]:
    """The names of folders and of files directly in a folder, each sorted. A link counts as its target."""
    try:
        with os.scandir(folder) as entries:
            found = sorted((entry.name, _kind(entry)) for entry in entries)
    except OSError as error:
        raise DataError(f"cannot look into {folder}: {error.strerror}. Make it readable.") from error
    return [name for name, kind in found if kind == "folder"], [name for name, kind in found if kind == "file"]


def _kind(entry: os.DirEntry[str]) -> str:
    try:
        return "folder" if entry.is_dir() else "file" if entry.is_file() else ""
    except OSError:  # a link to itself
        return ""


def _is_readable(folder: Path) -> bool:
    return os.access(folder, os.R_OK | os.X_OK)
