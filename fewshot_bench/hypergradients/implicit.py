"""Implicit estimator: the hypergradient from the adapted weights alone, by the implicit function theorem."""

from collections.abc import Callable
from typing import Any

import torch
from torch.func import grad, grad_and_value, vjp

from fewshot_bench.hypergradients.problem import Bilevel, Estimate, Estimator, last_step, solve
from fewshot_bench.hypergradients.solvers import Solver
from fewshot_bench.hypergradients.vectors import constant, norm, plus
from fewshot_bench.inner_optimizers.base import Params

Adapted = Callable[[Bilevel, Params, Any], Params]
"""(problem, phi, task) -> weights at or near a minimum of the inner loss."""


def implicit(solver: Solver, *, warm: Adapted | None = None) -> Estimator:
    """dphi = d_phi outer - (d_phi d_w inner)' x, where H x = d_w outer and H = d_w d_w inner, all at the adapted w.

    Exact if the inner gradient is zero and the solver is exact (Bengio 2000; Lorraine et al. 2020; with a proximal
    term, Rajeswaran et al. 2019). The mixed derivative is taken in full, so everything that the inner loss depends on
    gets its gradient: the centre and strength of a proximal term, weights of examples. What only the inner steps depend
    on (learning rates, a start without proximal term) gets none.

    warm: a function that gives w in place of the problem's inner steps: a closed form, Newton's method.
    The inner loss is that of the last step (t = steps - 1, or 0).
    metrics: inner_residual = |d_w inner| at w, zero if the theorem holds exactly. solver_residual = |H x - b| / |b|
    with b = d_w outer and H without any damping; 0 if b = 0. Raises ValueError if a loss before the last step counts.
    """

    def estimate(problem: Bilevel, phi: Params, task: Any) -> Estimate:
        t = last_step(problem)
        phi = constant(phi)
        w = constant(warm(problem, phi, task) if warm else solve(problem, phi, task)[0])
        outer = grad_and_value(problem.outer, argnums=(0, 1), has_aux=True)
        (along_w, along_phi), (value, aux) = outer(w, phi, task, t)
        inner_gradient, products = vjp(lambda w: grad(problem.inner)(w, phi, task, t), w)[:2]

        def hessian_times(v: Params) -> Params:
            return products(v)[0]

        x = solver(hessian_times, along_w)
        mixed = vjp(lambda phi: grad(problem.inner)(w, phi, task, t), phi)[1]
        size = norm(along_w)
        missing = norm(plus(hessian_times(x), along_w, -1))
        metrics = {
            "inner_residual": norm(inner_gradient),
            "solver_residual": torch.where(size == 0, 0.0, missing / torch.where(size == 0, 1.0, size)),
        }
        return Estimate(value, plus(along_phi, mixed(x)[0], -1), aux, metrics)

    return estimate
