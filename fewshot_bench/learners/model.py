"""A torch module as a pure function of its weights, and the policy for batch norm."""

import copy
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call

from fewshot_bench.backbones.norms import with_batch_statistics
from fewshot_bench.basics.errors import BenchError
from fewshot_bench.inner_optimizers.base import Params

BATCH_NORM = "transductive"
"""The one policy there is: statistics of the batch at hand, support and query each for themselves (the paper's)."""


class Model(NamedTuple):
    """apply(weights, images [n, c, h, w]) -> logits [n, ways]; weights: the initial ones, by parameter name."""

    apply: Callable[[Params, Tensor], Tensor]
    weights: Params


def as_function(module: nn.Module) -> Model:
    """Any classifier as a Model. The module itself is left as it was.

    Batch norm with running statistics becomes batch statistics. Raises BenchError for what is no module, or has no
    parameters.
    """
    if not isinstance(module, nn.Module):
        raise BenchError(f"a backbone has to make a torch.nn.Module; this one made a {type(module).__name__}.")
    network = with_batch_statistics(copy.deepcopy(module)).train()
    weights = {name: parameter.detach().clone() for name, parameter in network.named_parameters()}
    if not weights:
        raise BenchError(f"{type(module).__name__} has no parameters: there is nothing to learn.")
    return Model(lambda values, images: functional_call(network, values, (images,)), weights)


def build(make: Callable[[], nn.Module], seed: int) -> Model:
    """The Model of `make()` with initial weights that depend on `seed` alone; torch's global generator is untouched."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return as_function(make())
