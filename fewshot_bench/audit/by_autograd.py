"""torch.autograd alone: gradient descent with create_graph, one task after another, and torch's own layers."""

from typing import Any

import torch
from torch import Tensor

from fewshot_bench.audit.walking import Weights, walked
from fewshot_bench.hypergradients.problem import Bilevel
from fewshot_bench.inner_optimizers.base import Params


def _descent(module: Weights, bilevel: Bilevel, phi: Params, task: Any) -> Tensor:
    """p <- p - lr * g, and nothing between the problem and autograd: no transformation, no vmap, no library."""
    w: Params = {}
    module(lambda own: w.update(own))
    for t in range(bilevel.steps):
        slopes = torch.autograd.grad(bilevel.inner(w, phi, task, t), list(w.values()), create_graph=True)
        w = {name: p - phi["lr"] * g for (name, p), g in zip(w.items(), slopes, strict=True)}
    return bilevel.outer(w, phi, task, bilevel.steps - 1)[0]


by_autograd = walked(_descent)
