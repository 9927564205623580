"""torchopt's implicit gradients, by custom_root around the inner steps and one of its linear solvers."""

import importlib
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from fewshot_bench.audit.problem import Implementation, Problem, each, mean
from fewshot_bench.hypergradients.problem import Bilevel, solve
from fewshot_bench.hypergradients.vectors import constant
from fewshot_bench.inner_optimizers.base import Params

MakeSolver = Callable[[Any], Any]
"""torchopt.linear_solve -> a solver."""

Tensors = tuple[Tensor, ...]


def by_custom_root(make_solver: MakeSolver) -> Implementation:
    """Weights are where the inner steps end: the minimum, in these problems."""

    def run(problem: Problem) -> Params:
        torchopt = importlib.import_module("torchopt")
        root = torchopt.diff.implicit.custom_root
        solver = make_solver(torchopt.linear_solve)
        return mean([_of_one(root, solver, problem.plain, problem.phi, task) for task in each(problem.tasks)])

    return run


def _of_one(root: Any, solver: Any, bilevel: Bilevel, phi: Params, task: Any) -> Params:
    names = list(phi)
    end = constant(solve(bilevel, phi, task)[0])

    def stationary(w: Tensors, values: Tensors) -> Tensors:
        def loss(w: Tensors) -> Tensor:
            return bilevel.inner(
                dict(zip(end, w, strict=True)), dict(zip(names, values, strict=True)), task, bilevel.steps - 1
            )

        slopes: Tensors = torch.func.grad(loss)(w)
        return slopes

    def solution(w: Tensors, values: Tensors) -> Tensors:
        return tuple(tensor.clone() for tensor in w)

    leaves = tuple(tensor.detach().clone().requires_grad_() for tensor in phi.values())
    differentiable = root(stationary, argnums=1, solve=solver)(solution)
    w = dict(zip(end, differentiable(tuple(end.values()), leaves), strict=True))
    value = bilevel.outer(w, dict(zip(names, leaves, strict=True)), task, bilevel.steps - 1)[0]
    slopes = torch.autograd.grad(value, leaves, allow_unused=True, materialize_grads=True)
    return dict(zip(names, slopes, strict=True))
