"""torchopt's gradients through steps, by its meta-optimizers."""

import importlib
from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from fewshot_bench.audit.problem import Implementation
from fewshot_bench.audit.walking import Weights, inner_loss, outer_loss, walked
from fewshot_bench.hypergradients.problem import Bilevel
from fewshot_bench.inner_optimizers.base import Params

Make = Callable[[Any, nn.Module, Params], Any]
"""(torchopt, module, phi) -> a meta-optimizer. It takes tensors as learning rates, though its signatures say float."""


def by_torchopt(make: Make) -> Implementation:
    def walk(module: Weights, bilevel: Bilevel, phi: Params, task: Any) -> Tensor:
        rule = make(importlib.import_module("torchopt"), module, phi)
        for t in range(bilevel.steps):
            rule.step(inner_loss(module, bilevel, phi, task, t))
        return outer_loss(module, bilevel, phi, task)

    return walked(walk)


torchopt_sgd = by_torchopt(lambda torchopt, module, phi: torchopt.MetaSGD(module, lr=phi["lr"]))
