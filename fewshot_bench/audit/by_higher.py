"""higher's gradients, by innerloop_ctx around torch's optimizers."""

import importlib
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from fewshot_bench.audit.problem import Implementation
from fewshot_bench.audit.walking import Weights, inner_loss, outer_loss, walked
from fewshot_bench.hypergradients.problem import Bilevel
from fewshot_bench.inner_optimizers.base import Params

Make = Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]

Override = Callable[[Params], dict[str, list[Any]]]
"""phi -> the optimizer's settings as tensors that want a gradient, one of each for all parameters."""


def by_higher(make: Make, override: Override) -> Implementation:
    """copy_initial_weights=False, as one has to say for the gradient to the start (higher's issue 30)."""

    def walk(module: Weights, bilevel: Bilevel, phi: Params, task: Any) -> Tensor:
        context = importlib.import_module("higher").innerloop_ctx(
            module, make(module.parameters()), copy_initial_weights=False, override=override(phi)
        )
        with context as (model, inner):
            for t in range(bilevel.steps):
                inner.step(inner_loss(model, bilevel, phi, task, t))
            return outer_loss(model, bilevel, phi, task)

    return walked(walk)


def only_lr(phi: Params) -> dict[str, list[Any]]:
    return {"lr": [phi["lr"]]}


higher_sgd = by_higher(lambda parameters: torch.optim.SGD(parameters, lr=1.0), only_lr)
"""lr: a place that `override` fills."""
