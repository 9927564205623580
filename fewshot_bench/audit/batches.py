"""Two layouts of a batch of tasks: one gradient around vmap, as in public examples, and vmap around gradients."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.func import grad, vmap

from fewshot_bench.audit.problem import Implementation, Problem
from fewshot_bench.hypergradients.problem import Bilevel
from fewshot_bench.hypergradients.unrolled import objective
from fewshot_bench.inner_optimizers.base import Params

LayersOf = Callable[[Problem], Bilevel]


def torchs(problem: Problem) -> Bilevel:
    """torch's own layers, fused batch norm among them."""
    return problem.plain


def the_packages(problem: Problem) -> Bilevel:
    """Norms from elementary operations (backbones/norms.py)."""
    return problem.bilevel


def gradient_of_vmap(layers: LayersOf) -> Implementation:
    """backward() from outside, through all tasks at once."""

    def run(problem: Problem) -> Params:
        phi = {name: tensor.detach().clone().requires_grad_() for name, tensor in problem.phi.items()}
        losses = vmap(lambda task: objective(layers(problem), phi, task)[0])(problem.tasks)
        return dict(zip(phi, torch.autograd.grad(losses.mean(), list(phi.values())), strict=True))

    return run


def vmap_of_gradient(layers: LayersOf) -> Implementation:
    def run(problem: Problem) -> Params:
        def value(phi: Params, task: object) -> Tensor:
            return objective(layers(problem), phi, task)[0]

        slopes = vmap(grad(value), in_dims=(None, 0))(problem.phi, problem.tasks)
        return {name: tensor.mean(0) for name, tensor in slopes.items()}

    return run
