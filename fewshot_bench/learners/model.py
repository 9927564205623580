"""A torch module as functions of its weights."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.func import vmap

from fewshot_bench.backbones import functional as pure
from fewshot_bench.backbones.functional import Operations
from fewshot_bench.backbones.heads import find_head, head_parameters, norm_parameters, without
from fewshot_bench.backbones.noise import Noise
from fewshot_bench.backbones.norms import NORMS
from fewshot_bench.backbones.precision import float32_cpu_defaults
from fewshot_bench.basics.counting import counted
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


def as_function(module: nn.Module, ways: int, device: str = "cpu", operations: Operations = pure.ELEMENTARY) -> Model:
    """Any classifier of so many classes as a Model on a device. The module itself is left as it was.

    operations: what takes the place of torch's functions: pure.ELEMENTARY, or pure.FUSED for traced programs.

    Batch norm with running statistics becomes batch statistics. Parameters that require no gradient are constants, as
    buffers are. A tensor that several layers hold is one weight. Raises BenchError for what is no module, has lazy
    layers, or nothing to learn.
    """
    if not isinstance(module, nn.Module):
        raise BenchError(f"a backbone has to make a torch.nn.Module; this one made a {type(module).__name__}.")
    network, kind = pure.adopted(module).to(device), type(module).__name__
    weights = {name: p.detach().clone() for name, p in network.named_parameters() if p.requires_grad}
    if not weights:
        raise BenchError(f"{kind} has no parameters that require gradients: there is nothing to learn.")
    found = find_head(network, ways)
    head = () if found is None else tuple(name for name in head_parameters(network, found) if name in weights)
    if found is not None and head:
        embed = pure.as_function(without(network, found), operations)
    else:
        embed = no_features(f"{kind} has no linear layer with {counted(ways, 'output')} and weights of its own", ways)
    norms = tuple(name for name in norm_parameters(network, NORMS) if name in weights)
    return Model(pure.as_function(network, operations), embed, weights, head, norms)


def build(
    make: Callable[[], nn.Module],
    ways: int,
    seed: int,
    device: str = "cpu",
    operations: Operations = pure.ELEMENTARY,
) -> Model:
    """The Model of `make()` with initial weights that depend on `seed` alone, on any device; see `made`."""
    return as_function(made(make, seed), ways, device, operations)


def made(make: Callable[[], nn.Module], seed: int) -> nn.Module:
    """The module from `make()`, built in float32 on the CPU, with initial weights that depend on `seed` alone.

    torch's global generator and its defaults are restored.
    """
    with float32_cpu_defaults(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make()


def no_features(why: str, ways: int) -> Apply:
    """The `embed` of a network without a head: it raises BenchError."""

    def embed(weights: Params, images: Tensor, noise: Noise | None) -> Tensor:
        raise BenchError(
            f"{why}, so what is computed before the last layer cannot be told. End it in nn.Linear(features, {ways})."
        )

    return embed


def query_logits(apply: Apply, batch_norm: str, weights: Params, task: Task, noise: Noise | None = None) -> Tensor:
    """Logits [queries, ways] of adapted weights.

    batch_norm: "transductive", all queries in one batch, which normalises them by each other; "inductive", each query
    in a batch with the support set, so that no query is told anything by the others (Nichol et al. 2018, section 6.1).
    """
    if batch_norm == "transductive":
        return apply(weights, task.query.x, noise)
    return vmap(lambda image: apply(weights, torch.cat([task.support.x, image[None]]), noise)[-1])(task.query.x)
