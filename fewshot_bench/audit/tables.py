"""Results as tables for readers, and as CSV for programs."""

import csv
import io
from collections.abc import Sequence
from math import isfinite

from fewshot_bench.audit.problems import PROBLEMS
from fewshot_bench.audit.row import Result
from fewshot_bench.audit.rows import MAKERS, SECTIONS
from fewshot_bench.report.table import Column, Entry, Table

COLUMNS = (
    Column("problem"),
    Column("by"),
    Column("what computes it", wrap=True),
    Column("with respect to", wrap=True),
    Column("relative error", align="right"),
    Column("verdict"),
)


def tables(results: Sequence[Result]) -> list[Table]:
    """One for each section that has results."""
    return [_table(section, found) for section in SECTIONS if (found := [r for r in results if r.section == section])]


def _table(section: str, results: Sequence[Result]) -> Table:
    """Problems in the order of the rows, and makers in their own."""
    problems = list(dict.fromkeys(result.problem for result in results))
    ordered = sorted(results, key=lambda result: (problems.index(result.problem), MAKERS.index(result.by)))
    return Table(
        name=section,
        title=SECTIONS[section],
        columns=COLUMNS,
        rows=tuple(map(_row, ordered)),
        keys=2,
        section=1,
        under=_about(problems),
    )


def _about(problems: Sequence[str]) -> tuple[str, ...]:
    """What problems are; those of which the same is to be said, together."""
    together: dict[str, list[str]] = {}
    for name in problems:
        together.setdefault(PROBLEMS[name].what, []).append(name)
    return tuple(f"{'; '.join(names)}: {what}" for what, names in together.items())


def _row(result: Result) -> tuple[Entry, ...]:
    return (
        Entry(result.problem),
        Entry(result.by),
        Entry(result.call),
        Entry(result.wrt),
        Entry(shown(result.error)),
        Entry(result.verdict, (result.note,) if result.note else ()),
    )


def shown(error: float | None) -> str:
    """A relative error as a table has it: two digits in percent from 0.1 % up, the power of ten below."""
    if error is None or not isfinite(error):
        return "-" if error is None else str(error)
    if error < 0.001:
        return f"{error:.0e}" if error else "0"
    percent = float(f"{100 * error:.2g}")
    return f"{percent:,.0f} %" if percent >= 10 else f"{percent:g} %"


def as_csv(results: Sequence[Result]) -> str:
    """A line a result; errors with three digits, empty where there is none."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(Result._fields)
    for result in results:
        error = "" if result.error is None else f"{result.error:.3g}"
        writer.writerow(result._replace(error=error))  # type: ignore[arg-type]
    return text.getvalue()
