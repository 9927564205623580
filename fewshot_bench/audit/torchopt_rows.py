"""torchopt's implicit gradients with each of its linear solvers, and its zero-order gradients."""

from collections.abc import Callable
from typing import Any

from fewshot_bench.audit.by_torchopt_implicit import by_custom_root
from fewshot_bench.audit.by_torchopt_zero_order import by_zero_order
from fewshot_bench.audit.implicit_rows import MINIMA, SECTION
from fewshot_bench.audit.row import AuditRow, Off, approximate, wrong

ZERO_ORDER = "zero-order"
STEPS, SIGMA = "quadratic, 5 steps", 0.1
MOVED = ("start", "source")  # of which the loss is quadratic

TOLERANCE = approximate("torchopt's conjugate gradients stop at a relative residual of 1e-5 unless told otherwise.")
TERMS = approximate("torchopt's Neumann series has 11 terms unless told otherwise.")
BLOCKS = wrong(
    "torchopt's solve_inv() solves with the Hessian's diagonal blocks alone, one a weight tensor, and drops what is "
    "between tensors. Exact where there is one tensor."
)
FORWARD = wrong(
    "torchopt's forward method multiplies by sigma where it should divide, and takes each sample's difference from the "
    "last difference in place of the value at the centre."
)

SOLVERS: dict[str, tuple[Callable[[Any, float], Any], Off | None]] = {
    "solve_cg()": (lambda solve, alpha: solve.solve_cg(), TOLERANCE),
    "solve_cg(rtol=1e-14)": (lambda solve, alpha: solve.solve_cg(rtol=1e-14), None),
    "solve_normal_cg(rtol=1e-14)": (lambda solve, alpha: solve.solve_normal_cg(rtol=1e-14), None),
    "solve_inv()": (lambda solve, alpha: solve.solve_inv(), BLOCKS),
    "solve_inv(ns=True, alpha)": (lambda solve, alpha: solve.solve_inv(ns=True, alpha=alpha), TERMS),
    "solve_inv(ns=True, alpha, maxiter=199)": (
        lambda solve, alpha: solve.solve_inv(ns=True, alpha=alpha, maxiter=199),
        None,
    ),
}
"""Call, within custom_root -> (torchopt.linear_solve, alpha) -> solver, and why it is not exact."""


def _with(make: Callable[[Any, float], Any], alpha: float) -> Callable[[Any], Any]:
    return lambda solve: make(solve, alpha)


TORCHOPT_ROWS = [
    AuditRow(SECTION, problem, "torchopt", call, wrt, by_custom_root(_with(make, alpha)), off)
    for problem, (wrt, alpha) in MINIMA.items()
    for call, (make, off) in SOLVERS.items()
]

ZERO_ORDER_ROWS = [
    AuditRow(ZERO_ORDER, STEPS, "torchopt", f'zero_order("{method}")', MOVED, by_zero_order(method, SIGMA, MOVED), off)
    for method, off in {"naive": None, "antithetic": None, "forward": FORWARD}.items()
]
