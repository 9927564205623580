"""torchopt's zero-order gradients, with noise in place of which any of the same mean and spread would do."""

import importlib
from typing import Any

import torch
from torch import Tensor

from fewshot_bench.audit.problem import Implementation, Problem, each, group, mean
from fewshot_bench.hypergradients.unrolled import objective
from fewshot_bench.hypergradients.vectors import row, shaped
from fewshot_bench.inner_optimizers.base import Params


def by_zero_order(method: str, sigma: float, groups: tuple[str, ...]) -> Implementation:
    """By the entries of some groups, all others held.

    Directions are +-sqrt(n) times each unit vector in turn, whose mean is 0 and covariance I as the normal
    distribution's are. So what is an average over infinitely many draws is a sum of 2n for a quadratic function.
    """

    def run(problem: Problem) -> Params:
        zero_order = importlib.import_module("torchopt").diff.zero_order.zero_order
        moving: Params = {}
        for name in groups:
            moving |= group(problem.phi, name)
        count = len(row(moving))

        def of_one(task: Any) -> Params:
            directions = iter(torch.cat([torch.eye(count), -torch.eye(count)]).to(row(moving)) * count**0.5)

            def value(elements: Tensor) -> Tensor:
                return objective(problem.plain, problem.phi | shaped(elements, moving), task)[0]

            estimated = zero_order(
                lambda sample_shape: next(directions), method=method, num_samples=2 * count, sigma=sigma
            )
            at = row(moving).clone().requires_grad_()
            return shaped(torch.autograd.grad(estimated(value)(at), at)[0], moving)

        return mean([of_one(task) for task in each(problem.tasks)])

    return run
