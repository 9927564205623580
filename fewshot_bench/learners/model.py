"""A torch module as a pure function of its weights, and the policy for batch norm."""

import copy
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from fewshot_bench.backbones.heads import find_head, norm_parameters, without
from fewshot_bench.backbones.noise import Noise
from fewshot_bench.backbones.norms import NORMS, with_batch_statistics
from fewshot_bench.basics.errors import BenchError
from fewshot_bench.hypergradients.problem import Task
from fewshot_bench.inner_optimizers.base import Params

Apply = Callable[[Params, Tensor, Noise | None], Tensor]
"""(weights, images [n, c, h, w], noise) -> [n, ...].

noise: what dropout draws its masks from; None: dropout is off.
"""


class Model(NamedTuple):
    """A network as functions of its weights.

    apply: gives logits [n, ways]. embed: gives what the head, the last layer, is given, [n, features]. weights: initial
    values by parameter name. head, norms: names of the parameters of the head and of normalisation layers.
    """

    apply: Apply
    embed: Apply
    weights: Params
    head: tuple[str, ...]
    norms: tuple[str, ...]


def as_function(module: nn.Module, ways: int, device: str = "cpu") -> Model:
    """Any classifier of so many classes as a Model on a device. The module itself is left as it was.

    Batch norm with running statistics becomes batch statistics. Raises BenchError for what is no module, or has no
    parameters.
    """
    if not isinstance(module, nn.Module):
        raise BenchError(f"a backbone has to make a torch.nn.Module; this one made a {type(module).__name__}.")
    network = with_batch_statistics(copy.deepcopy(module)).train().to(device)
    weights = {name: parameter.detach().clone() for name, parameter in network.named_parameters()}
    if not weights:
        raise BenchError(f"{type(module).__name__} has no parameters: there is nothing to learn.")
    head = find_head(network, ways)
    body = None if head is None else without(network, head)

    def apply(values: Params, images: Tensor, noise: Noise | None) -> Tensor:
        return functional_call(network, values, (images,))

    def embed(values: Params, images: Tensor, noise: Noise | None) -> Tensor:
        if body is None:
            raise BenchError(
                f"{type(module).__name__} has no linear layer with {ways} outputs, so what it computes before its last "
                "layer cannot be told. End it in nn.Linear(features, ways)."
            )
        return functional_call(body, values, (images,)).flatten(1)

    return Model(
        apply,
        embed,
        weights,
        head=() if head is None else tuple(name for name in weights if name.rpartition(".")[0] == head),
        norms=tuple(name for name in norm_parameters(network, NORMS) if name in weights),
    )


def build(make: Callable[[], nn.Module], ways: int, seed: int, device: str = "cpu") -> Model:
    """The Model of `make()` with initial weights that depend on `seed` alone, on any device.

    torch's global generator is left as it was.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return as_function(make(), ways, device)


def query_logits(apply: Apply, batch_norm: str, weights: Params, task: Task, noise: Noise | None = None) -> Tensor:
    """Logits [queries, ways] of adapted weights.

    batch_norm: "transductive", all queries in one batch, which normalises them by each other; "inductive", each query
    in a batch with the support set, so that no query is told anything by the others (Nichol et al. 2018, section 6.1).
    """
    if batch_norm == "transductive":
        return apply(weights, task.query.x, noise)
    return vmap(lambda image: apply(weights, torch.cat([task.support.x, image[None]]), noise)[-1])(task.query.x)
