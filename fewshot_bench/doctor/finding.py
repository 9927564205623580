"""One line of what was looked at: how it is, and what mends it."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Literal, NamedTuple

Level = Literal["ok", "warning", "fault"]


class Finding(NamedTuple):
    """level: "fault" where something needed is missing; about: what was looked at; mend: a command, or what to do."""

    level: Level
    about: str
    says: str
    mend: str = ""


Look = Callable[[], Iterable[Finding]]


def looked(looks: Mapping[str, Look]) -> Iterator[Finding]:
    """What each look finds, in order. One that fails is a warning: a doctor that falls ill helps nobody."""
    for about, look in looks.items():
        try:
            yield from look()
        except Exception as error:  # anything may be odd about somebody's machine; the others are still looked at
            what = f"{type(error).__name__}: {error}".splitlines()[0]
            yield Finding("warning", about, f"could not be looked at ({what})")


def size(count: float) -> str:
    """Bytes in words: 1.5 GB, 20 MB."""
    if count >= 1e9:
        return f"{count / 1e9:.1f} GB"
    return f"{count / 1e6:.0f} MB"
