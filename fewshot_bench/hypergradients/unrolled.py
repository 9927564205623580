"""The hypergradient by differentiating through inner steps: exact through all of them, and the reference for others."""

from math import inf
from typing import Any

from torch import Tensor
from torch.func import grad, grad_and_value

from fewshot_bench.hypergradients.losses import weights_along
from fewshot_bench.hypergradients.problem import Bilevel, Estimate, Estimator
from fewshot_bench.hypergradients.vectors import constant
from fewshot_bench.inner_optimizers.base import Params, check_range


def unrolled(*, first_order: bool = False, last: int | None = None) -> Estimator:
    """Reverse mode through the inner loop (Maclaurin et al. 2015; Finn et al. 2017, equation 1).

    first_order: inner gradients count as constants (FOMAML, Finn et al. 2017, section 5.2); the direct dependence on
    hyperparameters such as learning rates stays exact.
    last: only through so many of the last steps (truncated, Shaban et al. 2019), at least 1; what comes before them
    counts as constant, so w_0 gets a gradient only where `last` is not less than the number of steps. None: all steps.
    """
    if last is not None:
        check_range("last", last, 1, inf)

    def estimate(problem: Bilevel, phi: Params, task: Any) -> Estimate:
        def value_of(phi: Params) -> tuple[Tensor, Any]:
            return objective(problem, phi, task, first_order=first_order, last=last)

        dphi, (value, aux) = grad_and_value(value_of, has_aux=True)(phi)
        return Estimate(value, dphi, aux, {})

    return estimate


def objective(
    problem: Bilevel, phi: Params, task: Any, *, first_order: bool = False, last: int | None = None
) -> tuple[Tensor, Any]:
    """The scalar that is meta-learned, as a function of phi, and the last outer loss's aux.

    Raises ValueError where `step_weights` has not one number a step, or none but zeros.
    """
    before = 0 if last is None else max(problem.steps - last, 0)  # steps that count as constant
    w = problem.init(constant(phi) if before else phi, task)
    state = problem.state(w)
    value, aux = None, None
    for k, weight in enumerate(weights_along(problem)):
        if k:
            t = k - 1
            here = constant(phi) if t < before else phi
            at = (constant(w), constant(phi)) if first_order else (w, here)
            w, state = problem.opt.step(w, grad(problem.inner)(*at, task, t), state, problem.hyper(here, t))
        if weight:
            loss, aux = problem.outer(w, phi, task, max(k - 1, 0))
            value = weight * loss if value is None else value + weight * loss
    assert value is not None  # weights_along has seen one that is not zero
    return value, aux
