"""Findings of checks on a subject (a backbone, a learner, a dataset, ...), and the loop that runs checks."""

import traceback
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, TypeVar

import fewshot_bench
from fewshot_bench.basics.errors import BenchError, explained

Subject = TypeVar("Subject")

Outcome = tuple[bool | None, str]
"""(passed, text): whether a check is passed (None: a remark, no fault), and the measurement or the fault in words."""

Check = Callable[[Subject], Outcome]
"""One check. Its function's name is its name. It may raise any exception of the subject's code."""

Stages = tuple[tuple[Check[Subject], ...], ...]
"""Groups of checks in order. Checks of a stage are meaningful only if all earlier stages are passed."""

TRACED, EAGER_AND_TRACED = 1e-9, "meta-gradients of the eager and the traced program"
"""Allowed difference in float64, and its name in messages; see training/programs/traced.py."""

BY_NUMBERS = "It decides by numbers, or remembers some: other tasks and weights are computed by the first's."


class Finding(NamedTuple):
    """The outcome of one check: its name, whether it is passed, and the text."""

    name: str
    ok: bool | None
    what: str


def findings(stages: Stages[Subject], subject: Subject) -> Iterator[Finding]:
    """The findings of all checks, up to the end of the first stage in which one fails."""
    for stage in stages:
        failed = False
        for check in stage:
            result = finding(check, subject)
            failed = failed or result.ok is False
            yield result
        if failed:
            return


def finding(check: Check[Subject], subject: Subject) -> Finding:
    """The finding of one check. An exception is a fault, told in one line with its place in the subject's file."""
    name = name_of(check)
    try:
        return Finding(name, *check(subject))
    except Exception as error:
        return Finding(name, False, explained(error) + ("" if isinstance(error, BenchError) else _place(error)))


def name_of(check: Check[Subject]) -> str:
    """The check's name in words."""
    return getattr(check, "__name__", str(check)).replace("_", " ")


def within(measured: float, allowed: float, what: str, otherwise: str = "") -> Outcome:
    """Passed if `measured` is at most `allowed`, and no NaN. otherwise: the likely reason for a failure."""
    text = f"{what} differ by {measured:.1e}; allowed {allowed:.0e}"
    return (True, text) if measured <= allowed else (False, f"{text}. {otherwise}".strip())


def listed(names: Iterable[object], most: int = 3) -> str:
    """The first `most` names in a sentence, with the number of the others."""
    all_names = [str(name) for name in names]
    more = f" and {len(all_names) - most} more" if len(all_names) > most else ""
    return ", ".join(all_names[:most]) + more if all_names else "none"


def _place(error: Exception) -> str:
    """The last file and line of the traceback outside torch and this package; empty if there is none."""
    import torch  # takes seconds to load; it is loaded already if a check raised

    known = [str(Path(module.__file__ or "").parent) + "/" for module in (torch, fewshot_bench)]
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if not frame.filename.startswith(("<", *known)):
            return f" ({Path(frame.filename).name}, line {frame.lineno})"
    return ""
