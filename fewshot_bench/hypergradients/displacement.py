"""Displacement estimator: the initial weights less the adapted weights, as Reptile uses them."""

from typing import Any

from torch.func import vjp

from fewshot_bench.hypergradients.problem import Bilevel, Estimate, Estimator, last_step, solve
from fewshot_bench.hypergradients.vectors import constant, plus, scaled
from fewshot_bench.inner_optimizers.base import Params


def displacement(scale: float = 1.0) -> Estimator:
    """dphi = scale * (w_0 - w_T), pulled back through `init`; zero for all else in phi (Nichol et al. 2018).

    It is not the gradient of `outer`, which is only reported: value = outer(w_T), so that learning curves can be
    compared with those of other learners. With a proximal term lam/2 |w - w_0|^2 inside, and the same objective
    outside, scale = lam makes it the exact gradient at the inner minimum (that of the Moreau envelope). Raises
    ValueError if a loss before the last step counts.
    """

    def estimate(problem: Bilevel, phi: Params, task: Any) -> Estimate:
        t = last_step(problem)
        phi = constant(phi)
        start, pull = vjp(lambda phi: problem.init(phi, task), phi)[:2]
        end, _ = solve(problem, phi, task)
        value, aux = problem.outer(end, phi, task, t)
        return Estimate(value, pull(scaled(plus(start, end, -1), scale))[0], aux, {})

    return estimate
