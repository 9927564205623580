"""Rows become results: each implementation runs on its problem and is compared with the answer."""

import warnings
from collections.abc import Callable, Sequence

from fewshot_bench.audit.problem import Problem, worst_error
from fewshot_bench.audit.problems import PROBLEMS
from fewshot_bench.audit.row import OURS, AuditRow, Result, judged, outcome
from fewshot_bench.audit.versions import PEERS, version

Progress = Callable[[str, int, int], None]
"""(what is done, so many of it, of how many)."""


def run(rows: Sequence[AuditRow], progress: Progress = lambda what, done, total: None) -> list[Result]:
    """The results in the order of the rows. Faults of the package's own implementations are raised."""
    problems = {name: PROBLEMS[name].make() for name in dict.fromkeys(row.problem for row in rows)}
    results = []
    for done, row in enumerate(rows):
        progress("audit", done, len(rows))
        results.append(_measured(row, problems[row.problem]))
    return results


def _measured(row: AuditRow, problem: Problem) -> Result:
    if row.by in PEERS and version(row.by) is None:
        return outcome(row, None, "not installed", "`uv sync --extra peers` installs what is not there.")
    if row.by == OURS:
        return judged(row, worst_error(row.run(problem), problem.answer, row.wrt))
    try:
        with warnings.catch_warnings(action="ignore"):  # deprecations of another library say nothing about its gradient
            found = row.run(problem)
    except Exception as error:  # whatever another library raises is its result
        return outcome(row, None, "raises", f"{row.call} of {row.by} raises {type(error).__name__}: {error}")
    return judged(row, worst_error(found, problem.answer, row.wrt))
