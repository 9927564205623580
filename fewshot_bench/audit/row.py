"""A line of the audit before it is run, and after."""

from collections.abc import Sequence
from math import isfinite
from typing import Literal, NamedTuple

from fewshot_bench.audit.problem import Implementation

EXACT = 1e-11
"""Largest relative error of what counts as exact: rounding here is 1e-16 to 1e-12, finite differences 1e-10 to 1e-7."""

OURS = "ours"

Verdict = Literal["exact", "approximate", "WRONG", "raises", "not installed"]


class Off(NamedTuple):
    """Why a gradient is known to differ from the answer.

    verdict: "approximate" for what says so itself, and for rounding in less than float64; "WRONG" for what whoever
    published it took for exact.
    """

    verdict: Literal["approximate", "WRONG"]
    why: str


class AuditRow(NamedTuple):
    """One implementation on one problem.

    by: whose it is, `OURS` or another's name. call: what computes it, in that library's words. wrt: the groups of phi
    whose gradients are compared; the worst counts. off: None for what has to be exact.
    """

    section: str
    problem: str
    by: str
    call: str
    wrt: tuple[str, ...]
    run: Implementation
    off: Off | None = None


class Result(NamedTuple):
    """What came of a row. error: relative; None where there is none. note: why it is not exact, or not there."""

    section: str
    problem: str
    by: str
    call: str
    wrt: str
    error: float | None
    verdict: Verdict
    note: str


def approximate(why: str) -> Off:
    return Off("approximate", why)


def wrong(why: str) -> Off:
    return Off("WRONG", why)


def judged(row: AuditRow, error: float) -> Result:
    """The row with its error: exact, off as it says, or wrong."""
    if not isfinite(error):
        return outcome(row, error, "WRONG", UNEXPECTED)
    if error <= EXACT:
        return outcome(row, error, "exact", "")
    if row.off is None:
        return outcome(row, error, "WRONG", UNEXPECTED)
    return outcome(row, error, row.off.verdict, row.off.why)


def outcome(row: AuditRow, error: float | None, verdict: Verdict, note: str) -> Result:
    return Result(row.section, row.problem, row.by, row.call, ", ".join(row.wrt), error, verdict, note)


UNEXPECTED = "Not known to be off: it was exact, or finite, with the versions in results/reference/audit."


def ours_off(results: Sequence[Result]) -> list[Result]:
    """Those of the package's own that have to be exact and are not, or that have to be finite."""
    return [found for found in results if found.by == OURS and found.note == UNEXPECTED]
