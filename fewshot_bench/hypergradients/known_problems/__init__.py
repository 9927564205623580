"""Problems whose hypergradient is known, for tests and for audits of estimators, ours and others'."""

from collections.abc import Callable
from functools import partial

from fewshot_bench.hypergradients.known_problems.base import Known
from fewshot_bench.hypergradients.known_problems.network import network
from fewshot_bench.hypergradients.known_problems.quadratic import quadratic
from fewshot_bench.hypergradients.known_problems.ridge import ridge_leave_one_out

KNOWN_PROBLEMS: dict[str, Callable[[], Known]] = {
    "quadratic, 5 steps": partial(quadratic, steps=5),
    "quadratic, to the minimum": partial(quadratic, steps=80),
    "ridge, leave one out": ridge_leave_one_out,
    "small network": network,
}
"""What it is -> factory."""
