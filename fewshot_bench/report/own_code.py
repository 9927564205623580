"""Whether the code that a cell names by import path is what it was: told from the files, of which none is run."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from fewshot_bench.basics.installed import version_of
from fewshot_bench.basics.recorded_source import Recorded, changed, differing, listed, recorded, recorded_before, was
from fewshot_bench.basics.source_text import understood


class OwnCode(NamedTuple):
    """Names of files and distributions.

    changed: they are not what they were when the cell was computed. missing: not found from here, so that nobody can
    tell. accepted: they were changed in between, and `--accept-code` took the cell for the later code's.
    """

    changed: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    accepted: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """What a reader has to know, as a clause without full stop; empty where all is as it was."""
        return "; ".join((*self._doubts(), *self._missing()))

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences for a number of such a cell. That files are not there is no reason to doubt it."""
        return tuple(f"{text}." for text in self._doubts())

    def _doubts(self) -> Iterator[str]:
        if self.changed:
            yield f"{_were(self.changed)} changed since, and the number is that of the code as it was"
        if self.accepted:
            yield f"{_were(self.accepted)} changed in between, and by --accept-code the number stands for both"

    def _missing(self) -> Iterator[str]:
        if self.missing:
            yield f"{_were(self.missing)} not found from here, so nobody can tell whether that code is as it was"


NOTHING = OwnCode()


def _were(names: Sequence[str]) -> str:
    return f"{listed(names)} {was(names)}"


def remarks(cells: Iterable[tuple[str, OwnCode]]) -> list[str]:
    """A sentence for each thing that is to be known of cells, given by name."""
    found: dict[str, list[str]] = {}
    for name, code in dict(cells).items():
        if code.words:
            found.setdefault(code.words, []).append(name)
    return [
        f"{names[0] if len(names) == 1 else f'{len(names):,} cells, {names[0]} the first'}: {words}."
        for words, names in found.items()
    ]


def own_code(directory: Path, status: Mapping[str, Any]) -> OwnCode:
    """Of a cell, by its status.json. directory: of the results."""
    held = recorded(status)
    if held is None:
        return NOTHING
    files = {file: _found(directory, held.folders, file) for file in held.files}
    installed = {name: version_of(name) for name in held.installed}
    missing = [name for name, value in (files | installed).items() if not value]
    now = Recorded(_known(files, held.files), _known(installed, held.installed))
    accepted = {name for one in recorded_before(status) for name in differing(one, held)}
    return OwnCode(tuple(changed(status, now, status.get("status") == "done")), tuple(missing), tuple(sorted(accepted)))


def _known(now: Mapping[str, str], held: Mapping[str, str]) -> dict[str, str]:
    """What is not found is taken to be as it was."""
    return {name: value or held[name] for name, value in now.items()}


def _found(directory: Path, folders: Sequence[str], file: str) -> str:
    """The hash of a file where it was, or where import paths of a command given here begin; "" where it is not."""
    for folder in (*(directory.resolve() / folder for folder in folders), Path.cwd()):
        try:
            path = folder / file
            facts = path.stat()
            return _hash(path, facts.st_mtime_ns, facts.st_size)
        except (OSError, ValueError):
            continue
    return ""


@lru_cache(maxsize=1000)
def _hash(path: Path, mtime: int, size: int) -> str:
    """mtime, size: so that a file is read anew when it was written anew."""
    return understood(path.read_bytes(), "").hash
