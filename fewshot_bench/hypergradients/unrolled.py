"""Unrolled estimator: the hypergradient by differentiating through the inner steps; exact if through all of them."""

from math import inf
from typing import Any

from torch import Tensor
from torch.func import grad, grad_and_value

from fewshot_bench.hypergradients.problem import Bilevel, Estimate, Estimator, weights_along
from fewshot_bench.hypergradients.vectors import constant
from fewshot_bench.inner_optimizers.base import Params, check_range


def unrolled(*, first_order: bool = False, last: int | None = None) -> Estimator:
    """Reverse mode through the inner loop (Maclaurin et al. 2015; Finn et al. 2017, equation 1).

    first_order: inner gradients count as constants (FOMAML, Finn et al. 2017, section 5.2). The direct dependence on
    hyperparameters such as learning rates stays exact.
    last: number of last steps to differentiate through (truncated, Shaban et al. 2019), at least 1. Earlier steps count
    as constant, so w_0 gets a gradient only if `last` is at least the number of steps. None: all steps.
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
    """The outer objective as a function of phi, a scalar; and the aux of the last outer loss.

    Raises ValueError if `step_weights` has not one number per step, or if all are zero.
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
    assert value is not None  # weights_along ensures that one weight is not zero
    return value, aux
