"""What iMAML's public code solves in place of the paper's linear system."""

from fewshot_bench.basics.options import schema
from fewshot_bench.hypergradients.solvers import Matvec, Solver, conjugate_gradients
from fewshot_bench.hypergradients.vectors import plus, scaled
from fewshot_bench.inner_optimizers.base import Params
from fewshot_bench.learners.imaml_released import imaml_released


def released_system(iterations: int) -> Solver:
    """((1 + cg_damping) I + H / (lam + lam_damping)) y = b, H the curvature without the tie; x = y / lam.

    The paper's is (I + H / lam) y = b, which is (H + lam I) x = b.
    """
    options = {name: option.default for name, option in schema(imaml_released).items()}
    lam, cg_damping, lam_damping = (float(options[name]) for name in ("lam", "cg_damping", "lam_damping"))

    def solver(matvec: Matvec, rhs: Params) -> Params:
        def released(v: Params) -> Params:
            untied = plus(matvec(v), v, -lam)
            return plus(scaled(v, 1 + cg_damping), untied, 1 / (lam + lam_damping))

        return scaled(conjugate_gradients(iterations)(released, rhs), 1 / lam)

    return solver
