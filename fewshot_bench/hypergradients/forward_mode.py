"""Forward-mode estimator: the exact hypergradient by one tangent per element of phi. A reference for small phi."""

import warnings
from typing import Any

from torch import Tensor
from torch.func import jacfwd

from fewshot_bench.hypergradients.problem import Bilevel, Estimate, Estimator
from fewshot_bench.hypergradients.unrolled import objective
from fewshot_bench.hypergradients.vectors import constant
from fewshot_bench.inner_optimizers.base import Params


def forward_mode() -> Estimator:
    """Forward mode: tangents of the weights carried along the inner steps (Franceschi et al. 2017).

    Equal to `unrolled()` but for rounding. Memory does not grow with the number of steps, but with the elements of phi,
    whose tangents all run at once. For float64: torch 2.15 gives 0.5 * x, where x is a 0-dimensional tensor of float32,
    a tangent of float64, and the next product of matrices then has both.
    """

    def estimate(problem: Bilevel, phi: Params, task: Any) -> Estimate:
        def value_of(phi: Params) -> tuple[Tensor, tuple[Tensor, Any]]:
            value, aux = objective(problem, phi, task)
            return value, (value, aux)

        with warnings.catch_warnings():  # torch 2.15 compiles decompositions with what it calls deprecated
            warnings.filterwarnings("ignore", "`torch.jit.script` is deprecated", FutureWarning)
            dphi, (value, aux) = jacfwd(value_of, has_aux=True)(constant(phi))
        return Estimate(value, dphi, aux, {})

    return estimate
