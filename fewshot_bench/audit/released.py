"""What iMAML's public code solves in place of the paper's linear system."""

from fewshot_bench.hypergradients.solvers import Matvec, Solver, conjugate_gradients
from fewshot_bench.hypergradients.vectors import plus, scaled
from fewshot_bench.inner_optimizers.base import Params
from fewshot_bench.learners.imaml_released import ImamlReleased


def released_system(iterations: int) -> Solver:
    """((1 + cg_damping) I + H / (lam + lam_damping)) y = b, H the curvature without the tie; x = y / lam.

    The paper's is (I + H / lam) y = b, which is (H + lam I) x = b.
    """
    options = ImamlReleased()

    def solver(matvec: Matvec, rhs: Params) -> Params:
        def released(v: Params) -> Params:
            untied = plus(matvec(v), v, -options.lam)
            return plus(scaled(v, 1 + options.cg_damping), untied, 1 / (options.lam + options.lam_damping))

        return scaled(conjugate_gradients(iterations)(released, rhs), 1 / options.lam)

    return solver
