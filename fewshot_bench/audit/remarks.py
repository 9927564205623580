"""What the tables come to, in sentences."""

from collections import Counter
from collections.abc import Mapping, Sequence

from fewshot_bench.audit.row import EXACT, OURS, Result, ours_off
from fewshot_bench.audit.tables import shown
from fewshot_bench.basics.counting import counted


def remarks(results: Sequence[Result], versions: Mapping[str, str | None]) -> list[str]:
    """Verdicts counted, what the package has to answer for, and the versions."""
    counts = ", ".join(f"{count} {verdict}" for verdict, count in Counter(r.verdict for r in results).items())
    exact = sum(r.by == OURS and r.verdict == "exact" for r in results)
    off = [f"{r.call} on {r.problem} by {r.wrt}: this package is off by {shown(r.error)}." for r in ours_off(results)]
    return [
        f"{counted(len(results), 'line')}: {counts}. Exact: up to {EXACT:.0e}, in float64.",
        *(off or [f"ours: this package. All {exact} of its lines that have to be exact are."]),
        "Versions: " + ", ".join(f"{name} {version or '(not installed)'}" for name, version in versions.items()) + ".",
    ]
