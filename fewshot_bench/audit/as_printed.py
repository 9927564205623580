"""Algorithm 1 of Grefenstette et al. 2019 (arXiv:1910.01727) to the letter, without what the optimizer remembers."""

from typing import Any

from torch.func import grad_and_value, vjp

from fewshot_bench.hypergradients.problem import Bilevel, Estimate, one_step
from fewshot_bench.hypergradients.vectors import plus
from fewshot_bench.inner_optimizers.base import Params


def as_printed(problem: Bilevel, phi: Params, task: Any) -> Estimate:
    """Line 14 goes back over weights alone, so the state counts as a constant at each step. An `Estimator`."""
    w = problem.init(phi, task)
    state, walk = problem.state(w), []
    for t in range(problem.steps):
        walk.append((w, state))
        w, state = one_step(problem, phi, task, w, state, t)
    outer = grad_and_value(problem.outer, argnums=(0, 1), has_aux=True)
    (into_w, dphi), (value, aux) = outer(w, phi, task, problem.steps - 1)
    for t in reversed(range(problem.steps)):
        into_w, along_phi = _back(problem, phi, task, *walk[t], t, into_w)
        dphi = plus(dphi, along_phi)
    pull = vjp(lambda phi: problem.init(phi, task), phi)[1]
    return Estimate(value, plus(dphi, pull(into_w)[0]), aux, {})


def _back(
    problem: Bilevel, phi: Params, task: Any, w: Params, state: Any, t: int, into_w: Params
) -> tuple[Params, Params]:
    """The loss's slopes along weights and phi before step t, from that along the weights after it."""
    pull = vjp(lambda w, phi: one_step(problem, phi, task, w, state, t)[0], w, phi)[1]
    back: tuple[Params, Params] = pull(into_w)
    return back
