"""Whether the code that a cell names by import path has changed since the cell ran. Files are read, not imported."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from fewshot_bench.basics.counting import counted, listed, was_or_were
from fewshot_bench.basics.source import version_of
from fewshot_bench.basics.source_text import parsed_source
from fewshot_bench.cells.code import RecordedSource, changed, differing, recorded, recorded_before


class OwnCode(NamedTuple):
    """Names of files and distributions.

    changed: they differ from what the cell was computed with. missing: they are not found from here, so nothing is
    known of them. accepted: they were changed during or after the run, and `--accept-code` kept the cell's numbers.
    """

    changed: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    accepted: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """The changes as a clause without a full stop; empty if nothing changed."""
        return "; ".join((*self._doubts(), *self._missing()))

    @property
    def notes(self) -> tuple[str, ...]:
        """Footnotes for the cell's numbers. A missing file needs none: it does not make them wrong."""
        return tuple(f"{text}." for text in self._doubts())

    def _doubts(self) -> Iterator[str]:
        if self.changed:
            yield f"{_names_were(self.changed)} changed after the run; the number is from the old code"
        if self.accepted:
            yield f"{_names_were(self.accepted)} changed during or after the run; --accept-code kept the number"

    def _missing(self) -> Iterator[str]:
        if self.missing:
            yield f"{_names_were(self.missing)} not found from here, so it is unknown whether that code has changed"


NOTHING = OwnCode()


def _names_were(names: Sequence[str]) -> str:
    return f"{listed(names)} {was_or_were(names)}"


def remarks(cells: Iterable[tuple[str, OwnCode]]) -> list[str]:
    """A sentence for each different clause of `words`; cells: (name, code) of each."""
    clauses: dict[str, list[str]] = {}
    for name, code in dict(cells).items():
        if code.words:
            clauses.setdefault(code.words, []).append(name)
    return [f"{_which(names)}: {words}." for words, names in clauses.items()]


def _which(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{counted(len(names), 'cell')}, {names[0]} the first"


def own_code(directory: Path, status: Mapping[str, Any]) -> OwnCode:
    """The state of a cell's code. status: the cell's status.json; directory: the results folder."""
    held = recorded(status)
    if held is None:
        return NOTHING
    files = {file: _current_hash(directory, held.folders, file, then) for file, then in held.files.items()}
    installed = {name: version_of(name) for name in held.installed}
    missing = [name for name, value in (files | installed).items() if not value]
    now = RecordedSource(_known(files, held.files), _known(installed, held.installed))
    accepted = {name for source in recorded_before(status) for name in differing(source, held)}
    return OwnCode(tuple(changed(status, now, status.get("status") == "done")), tuple(missing), tuple(sorted(accepted)))


def _known(now: Mapping[str, str], held: Mapping[str, str]) -> dict[str, str]:
    """The current hashes; the recorded one for what is not found now."""
    return {name: value or held[name] for name, value in now.items()}


def _current_hash(directory: Path, folders: Sequence[str], file: str, held: str) -> str:
    """The hash of a file in its recorded folders, or else in the working directory; "" if it is in none of them.

    held: the recorded hash. If one of several folders has it, the files of that name in the others are not the cell's.
    """
    hashes = [value for folder in folders if (value := _hash_in(directory.resolve() / folder, file))]
    return held if held in hashes else next(iter(hashes), "") or _hash_in(Path.cwd(), file)


def _hash_in(folder: Path, file: str) -> str:
    """The hash of a file in one folder; "" if there is no such file."""
    try:
        path = folder / file
        stat = path.stat()
        return _hash(path, stat.st_mtime_ns, stat.st_size)
    except (OSError, ValueError):
        return ""


@lru_cache(maxsize=1000)
def _hash(path: Path, mtime: int, size: int) -> str:
    """mtime, size: part of the cache's key, so that a file is read again after it was written."""
    return parsed_source(path.read_bytes(), "").hash
