"""Problems for libraries that adapt a torch module: its parameters walk, and autograd differentiates where they end."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from fewshot_bench.audit.problem import Implementation, Problem, each, mean
from fewshot_bench.hypergradients.problem import Bilevel
from fewshot_bench.inner_optimizers.base import Params

Of = Callable[[Params], Tensor]
"""A loss as a function of weights."""

Walk = Callable[["Weights", Bilevel, Params, Any], Tensor]
"""(module, problem, phi, task) -> the outer loss after all inner steps from the module's weights."""


class Weights(nn.Module):
    """Weights as a module's parameters. Its pass, `module(of)`, is of(weights)."""

    def __init__(self, start: Params) -> None:
        super().__init__()
        for name, tensor in start.items():
            self.register_parameter(_key(name), nn.Parameter(tensor.detach().clone()))

    def forward(self, of: Of) -> Tensor:
        return of({_name(key): getattr(self, key) for key in self._parameters})


def walked(walk: Walk) -> Implementation:
    """One task after another, with torch's own layers, differentiated by torch.autograd."""
    return lambda problem: mean([_of_one(problem, walk, task) for task in each(problem.tasks)])


def _of_one(problem: Problem, walk: Walk, task: Any) -> Params:
    phi = {name: tensor.detach().clone().requires_grad_() for name, tensor in problem.phi.items()}
    leaves, start = list(phi.values()), problem.plain.init(phi, task)
    module = Weights(start)
    parameters = list(module.parameters())
    value = walk(module, problem.plain, phi, task)
    slopes = torch.autograd.grad(value, [*parameters, *leaves], allow_unused=True, materialize_grads=True)
    into_start, direct = slopes[: len(parameters)], slopes[len(parameters) :]
    pulled = torch.autograd.grad(list(start.values()), leaves, into_start, allow_unused=True, materialize_grads=True)
    return {name: a + b for name, a, b in zip(phi, direct, pulled, strict=True)}


def inner_loss(module: nn.Module, bilevel: Bilevel, phi: Params, task: Any, t: int) -> Tensor:
    loss: Tensor = module(lambda w: bilevel.inner(w, phi, task, t))
    return loss


def outer_loss(module: nn.Module, bilevel: Bilevel, phi: Params, task: Any) -> Tensor:
    loss: Tensor = module(lambda w: bilevel.outer(w, phi, task, bilevel.steps - 1)[0])
    return loss


def _key(name: str) -> str:
    """A parameter's name without the dots that torch keeps for modules in modules."""
    return name.replace(".", "-")


def _name(key: str) -> str:
    return key.replace("-", ".")
