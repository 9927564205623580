"""A torch module as a pure function of its weights, and the policy for batch norm."""

import copy
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from fewshot_bench.backbones.norms import with_batch_statistics
from fewshot_bench.basics.errors import BenchError
from fewshot_bench.hypergradients.problem import Task
from fewshot_bench.inner_optimizers.base import Params

Apply = Callable[[Params, Tensor], Tensor]
"""(weights, images [n, c, h, w]) -> logits [n, ways]."""


class Model(NamedTuple):
    """A network: how it is applied, and its initial weights by parameter name."""

    apply: Apply
    weights: Params


def as_function(module: nn.Module, device: str = "cpu") -> Model:
    """Any classifier as a Model on a device. The module itself is left as it was.

    Batch norm with running statistics becomes batch statistics. Raises BenchError for what is no module, or has no
    parameters.
    """
    if not isinstance(module, nn.Module):
        raise BenchError(f"a backbone has to make a torch.nn.Module; this one made a {type(module).__name__}.")
    network = with_batch_statistics(copy.deepcopy(module)).train().to(device)
    weights = {name: parameter.detach().clone() for name, parameter in network.named_parameters()}
    if not weights:
        raise BenchError(f"{type(module).__name__} has no parameters: there is nothing to learn.")
    return Model(lambda values, images: functional_call(network, values, (images,)), weights)


def build(make: Callable[[], nn.Module], seed: int, device: str = "cpu") -> Model:
    """The Model of `make()` with initial weights that depend on `seed` alone, on any device.

    torch's global generator is left as it was.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return as_function(make(), device)


def query_logits(apply: Apply, batch_norm: str, weights: Params, task: Task) -> Tensor:
    """Logits [queries, ways] of adapted weights.

    batch_norm: "transductive", all queries in one batch, which normalises them by each other; "inductive", each query
    in a batch with the support set, so that no query is told anything by the others (Nichol et al. 2018, section 6.1).
    """
    if batch_norm == "transductive":
        return apply(weights, task.query.x)
    return vmap(lambda image: apply(weights, torch.cat([task.support.x, image[None]]))[-1])(task.query.x)
