"""What a test of a newcomer found, and how tests are run one after another."""

import traceback
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, TypeVar

import fewshot_bench
from fewshot_bench.basics.errors import BenchError, explained

Subject = TypeVar("Subject")

Outcome = tuple[bool | None, str]
"""Whether a test is passed (None: nothing to pass, but worth knowing), and what was measured or what is wrong."""

Check = Callable[[Subject], Outcome]
"""One test. It is called by the name of its function, and may raise whatever the newcomer's code raises."""

Stages = tuple[tuple[Check[Subject], ...], ...]
"""Tests by what they stand on: those of a stage mean something where all before it are passed."""

TRACED, EAGER_AND_TRACED = 1e-9, "meta-gradients of the eager and the traced program"
"""Allowed in float64, and what it is: see training/programs/traced.py."""

BY_NUMBERS = "It decides by numbers, or remembers some: other tasks and weights are computed by the first's."


class Finding(NamedTuple):
    """name: of the test; ok and what: its outcome."""

    name: str
    ok: bool | None
    what: str


def findings(stages: Stages[Subject], subject: Subject) -> Iterator[Finding]:
    """What each test finds, up to the end of the first stage where one fails."""
    for stage in stages:
        failed = False
        for check in stage:
            found = finding(check, subject)
            failed = failed or found.ok is False
            yield found
        if failed:
            return


def finding(check: Check[Subject], subject: Subject) -> Finding:
    """What one test finds; an exception is a fault, told in one line with the line of the newcomer's file."""
    name = name_of(check)
    try:
        return Finding(name, *check(subject))
    except Exception as error:
        return Finding(name, False, explained(error) + ("" if isinstance(error, BenchError) else _place(error)))


def name_of(check: Check[Subject]) -> str:
    """The test's name in words."""
    return getattr(check, "__name__", str(check)).replace("_", " ")


def within(measured: float, allowed: float, what: str, otherwise: str = "") -> Outcome:
    """Passed where `measured` is a number, and at most `allowed`. otherwise: the likely reason where it is not."""
    told = f"{what} differ by {measured:.1e}; allowed {allowed:.0e}"
    return (True, told) if measured <= allowed else (False, f"{told}. {otherwise}".strip())


def listed(names: Iterable[object], most: int = 3) -> str:
    """The first of some names in a sentence."""
    all_names = [str(name) for name in names]
    more = f" and {len(all_names) - most} more" if len(all_names) > most else ""
    return ", ".join(all_names[:most]) + more if all_names else "none"


def _place(error: Exception) -> str:
    """The last line of code that is neither torch's nor this package's, where there is one."""
    import torch  # takes seconds to load; whoever has an error to place has it loaded

    known = [str(Path(module.__file__ or "").parent) + "/" for module in (torch, fewshot_bench)]
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if not frame.filename.startswith(("<", *known)):
            return f" ({Path(frame.filename).name}, line {frame.lineno})"
    return ""
