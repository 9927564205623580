"""Which images a folder or an archive holds, of which classes, by its tables or else by its folders.

Hidden files (`._robin.jpg`), hidden folders, `__MACOSX` and files that are no images (`Thumbs.db`, `notes.txt`) are
left out and counted. Links are followed.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from fewshot_bench.basics.errors import DataError
from fewshot_bench.data.archives import content_of_file, is_archive, member_names, members
from fewshot_bench.data.importing import decoding
from fewshot_bench.data.importing.faults import fault
from fewshot_bench.data.importing.layouts import PART_NAMES, Layout, by_folders
from fewshot_bench.data.importing.tables import FILE, LABEL, SUFFIXES, Table, by_tables, read_table
from fewshot_bench.data.walking import dead_ends, files_below

_IMAGES = (*decoding.SUFFIXES, *decoding.NOT_DECODED)
_SIGNATURES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\x00", b"MM\x00*", b"RIFF")
"""First bytes of the images that may have no suffix."""


Content = Any
"""An image as it comes: the bytes of its file, the path of it, or an item's image as a Dataset has it."""

Contents = Callable[[Sequence[str]], Iterable[tuple[str, Content]]]
"""contents(files): (file, its content) of each, in any order."""


class Scan(NamedTuple):
    """layout: the images; contents: reads them; left_out: kind of file -> how many; faults: one sentence each."""

    layout: Layout
    contents: Contents
    left_out: dict[str, int]
    faults: tuple[str, ...]


def scan(source: Path) -> Scan:
    """The images of a folder, of an archive, or of the table at `source`, with all faults that names show.

    Raises DataError if there is nothing to be read.
    """
    if not source.exists():
        raise DataError(f"{source} does not exist. Give the folder, the archive or the table of your images.")
    is_table = source.is_file() and source.name.lower().endswith(SUFFIXES)
    place = source.parent if is_table else source
    if source.is_file() and not is_table and not is_archive(source):
        raise DataError(f"{source} is no folder, no archive and no table of images. Give one of these.")
    names = _names(place)
    seen = [name for name in names if not _is_hidden(name)]
    tables = [_table(place, source.name)] if is_table else _tables(place, seen)
    named = {table.name for table in tables}
    images = [name for name in seen if name not in named and (_suffix(name) in _IMAGES or _is_unnamed(place, name))]
    left_out = Counter(map(_kind, set(names) - set(images) - named))
    faults = _dead(place)
    if not images and not faults:
        raise DataError(_nothing(place, left_out, names))
    found = by_tables(tables, images) if tables else by_folders(images)
    return Scan(found, partial(_contents, place), dict(left_out), tuple(faults))


def _contents(place: Path, files: Sequence[str]) -> Iterator[tuple[str, bytes | Path]]:
    """Each file with its content; for a folder, with its path in place of that. An archive has its own order."""
    if place.is_dir():
        yield from ((file, place / file) for file in files)
    else:
        wanted = set(files)
        yield from members(place, wanted.__contains__)


def _names(place: Path) -> list[str]:
    """All files in a folder or an archive, as paths with `/`; in a folder these are their very names."""
    if place.is_dir():
        return [file.relative_to(place).as_posix() for file in files_below(place)]
    return member_names(place, lambda name: True)


def _tables(place: Path, names: Sequence[str]) -> list[Table]:
    """The outermost tables that name images; several are train, val and test. None of them lies deeper than an image.

    Raises DataError if there are several others.
    """
    candidates = [name for name in names if _suffix(name) in SUFFIXES]
    depths = [_depth(name) for name in candidates] + [_depth(name) for name in names if _suffix(name) in _IMAGES]
    top = [name for name in candidates if _depth(name) == min(depths)]
    found = [table for name in top if (table := _table_or_none(place, name))]
    parts = [table for table in found if PurePosixPath(table.name).stem.lower() in PART_NAMES]
    if len(parts) > 1:
        return parts
    if len(found) > 1:
        names_of_them = [repr(table.name) for table in found]
        remedy = f"Give one of them by --from, as --from {place / found[0].name}."
        raise DataError(f"{place} has {fault('table', 'of images', names_of_them, remedy)}")
    return found


def _table_or_none(place: Path, name: str) -> Table | None:
    """The table, None if it names no images: it may be of anything."""
    try:
        table = read_table(name, _content(place, name))
    except DataError:
        return None
    return table if table.names_images else None


def _table(place: Path, name: str) -> Table:
    """The table that the user named. Raises DataError if it does not name images."""
    table = read_table(name, _content(place, name))
    if not table.names_images:
        raise DataError(
            f"{place / name} has no column of files ({', '.join(FILE)}) with one of classes ({', '.join(LABEL)}). "
            "Rename its headings."
        )
    return table


def _content(place: Path, name: str) -> bytes:
    if place.is_dir():
        return content_of_file(place / name)
    return next(content for _, content in members(place, lambda other: other == name))


def _depth(name: str) -> int:
    return len(PurePosixPath(name).parts)


def _suffix(name: str) -> str:
    return PurePosixPath(name).suffix.lower()


def _is_hidden(name: str) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in PurePosixPath(name).parts)


def _is_unnamed(place: Path, name: str) -> bool:
    """Whether a file without a suffix is an image by its first bytes; links to images often have such names."""
    if _suffix(name) or not place.is_dir():
        return False
    try:
        with (place / name).open("rb") as file:
            return file.read(4).startswith(_SIGNATURES)
    except OSError:
        return False


def _kind(name: str) -> str:
    """What a file that is no image is called in the count of those: `hidden`, its suffix, or its name."""
    return "hidden" if _is_hidden(name) else _suffix(name) or PurePosixPath(name).name


def _dead(place: Path) -> list[str]:
    found = [repr(path.relative_to(place).as_posix()) for path in dead_ends(place, None)] if place.is_dir() else []
    remedy = "Mend or remove the links, and make the folders readable."
    return [fault("path", "to nothing, a dead link or an unreadable folder", found, remedy)] if found else []


def _nothing(place: Path, left_out: Counter[str], names: Sequence[str]) -> str:
    inside = ", ".join(f"{count:,} {kind}" for kind, count in left_out.most_common(10)) or "nothing"
    archive = next((name for name in names if name.lower().endswith((".zip", ".tar", ".tgz", ".tar.gz"))), None)
    hint = (
        f"Give the archive: --from {place / archive}." if archive else "Give a folder of folders, one for each class."
    )
    return f"no image in {place}; it holds {inside}. {hint}"
