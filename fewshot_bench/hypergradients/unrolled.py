"""The hypergradient by differentiating through every inner step: exact, and the reference for all others."""

from typing import Any

from torch import Tensor
from torch.func import grad, grad_and_value

from fewshot_bench.hypergradients.problem import Bilevel, Estimator
from fewshot_bench.inner_optimizers.base import Params


def unrolled(*, first_order: bool = False) -> Estimator:
    """Reverse mode through the inner loop (Maclaurin et al. 2015; Finn et al. 2017, equation 1).

    first_order: inner gradients count as constants (FOMAML, Finn et al. 2017, section 5.2); the direct dependence on
    hyperparameters such as learning rates stays exact.
    """

    def estimate(problem: Bilevel, phi: Params, task: Any) -> tuple[Tensor, Params, Any]:
        def value_of(phi: Params) -> tuple[Tensor, Any]:
            return objective(problem, phi, task, first_order=first_order)

        dphi, (value, aux) = grad_and_value(value_of, has_aux=True)(phi)
        return value, dphi, aux

    return estimate


def objective(problem: Bilevel, phi: Params, task: Any, *, first_order: bool = False) -> tuple[Tensor, Any]:
    """The scalar that is meta-learned, as a function of phi, and the last outer loss's aux."""
    w = problem.init(phi, task)
    state = problem.opt.init(w, problem.outer_state)
    value, aux = None, None
    for t, weight in enumerate(problem.step_weights):
        grads = grad(problem.inner)(w, phi, task, t)
        if first_order:
            grads = {name: g.detach() for name, g in grads.items()}
        w, state = problem.opt.step(w, grads, state, problem.hyper(phi, t))
        if weight:
            loss, aux = problem.outer(w, phi, task)
            value = weight * loss if value is None else value + weight * loss
    if value is None:  # no inner step at all: the loss of where adaptation would start
        value, aux = problem.outer(w, phi, task)
    return value, aux


def solve(problem: Bilevel, phi: Params, task: Any) -> Params:
    """The adapted weights after all inner steps."""
    w = problem.init(phi, task)
    state = problem.opt.init(w, problem.outer_state)
    for t in range(problem.steps):
        w, state = problem.opt.step(w, grad(problem.inner)(w, phi, task, t), state, problem.hyper(phi, t))
    return w
