"""Faults of a user's images as sentences: how many, up to ten by name, and what to do."""

from collections.abc import Sequence
from pathlib import Path

from fewshot_bench.basics.counting import counted
from fewshot_bench.basics.errors import DataError

SHOWN = 10
"""How many names of one kind of fault are listed."""


def fault(noun: str, problem: str, names: Sequence[str], remedy: str) -> str:
    """How many things have a problem, with their names, and what to do.

    Examples:
        >>> fault("class", "with one image", ["'wren'", "'robin'"], "Add images.")
        "2 classes with one image: 'wren', 'robin'. Add images."
    """
    what = " ".join(filter(None, (counted(len(names), noun), problem)))
    return f"{what}: {some(names)}. {remedy}"


def some(names: Sequence[str]) -> str:
    """The first ten names, and how many more there are."""
    more = f", and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def check_none(faults: Sequence[str], place: Path | str) -> None:
    """Raise DataError with all faults, if there are any."""
    if len(faults) == 1:
        raise DataError(f"{place} has {faults[0]} Nothing was written.")
    if faults:
        each = "\n".join(f"  - {one}" for one in faults)
        raise DataError(f"{counted(len(faults), 'problem')} in {place}; nothing was written:\n{each}")
