"""A model: a torch module as pure functions of its weights."""

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

noise: the source of dropout masks; None: dropout is off.
"""


class Model(NamedTuple):
    """A network as functions of its weights.

    apply: returns logits [n, ways]. embed: returns the input of the head, the last layer, [n, features]. weights:
    initial values by parameter name. head, norms: names of the parameters of the head and of normalisation layers.
    """

    apply: Apply
    embed: Apply
    weights: Params
    head: tuple[str, ...]
    norms: tuple[str, ...]


def as_function(module: nn.Module, ways: int, device: str = "cpu", operations: Operations = pure.ELEMENTARY) -> Model:
    """A classifier as a Model on a device. The module itself is not changed.

    Batch norm uses batch statistics. Buffers, and parameters that require no gradient, are constants. A tensor that
    several layers share is one weight.

    Args:
        module: The classifier.
        ways: Its number of classes.
        device: A torch device.
        operations: Replacements of torch's functions: pure.ELEMENTARY, or pure.FUSED for traced programs.

    Raises:
        BenchError: `module` is not a module, has lazy layers, or has nothing to learn.
    """
    if not isinstance(module, nn.Module):
        raise BenchError(f"a backbone has to make a torch.nn.Module; this one made a {type(module).__name__}.")
    network, kind = pure.adopted(module).to(device), type(module).__name__
    weights = {name: p.detach().clone() for name, p in network.named_parameters() if p.requires_grad}
    if not weights:
        raise BenchError(f"{kind} has no parameters that require gradients: there is nothing to learn.")
    layer = find_head(network, ways)
    head = () if layer is None else tuple(name for name in head_parameters(network, layer) if name in weights)
    if layer is not None and head:
        embed = pure.as_function(without(network, layer), operations)
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
    """The Model of `make()` with initial weights that depend on `seed` alone, on any device; see `build_module`."""
    return as_function(build_module(make, seed), ways, device, operations)


def build_module(make: Callable[[], nn.Module], seed: int) -> nn.Module:
    """The module from `make()`, built in float32 on the CPU, with initial weights that depend on `seed` alone.

    torch's global generator and defaults are restored.
    """
    with float32_cpu_defaults(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make()


def no_features(why: str, ways: int) -> Apply:
    """The `embed` of a network without a head, which raises BenchError."""

    def embed(weights: Params, images: Tensor, noise: Noise | None) -> Tensor:
        raise BenchError(
            f"{why}, so what is computed before the last layer cannot be told. End it in nn.Linear(features, {ways})."
        )

    return embed


def query_logits(apply: Apply, batch_norm: str, weights: Params, task: Task, noise: Noise | None = None) -> Tensor:
    """Logits [queries, ways] of adapted weights.

    batch_norm: "transductive", all queries in one batch, which normalises them by each other; "inductive", each query
    in a batch with the support set, so that queries do not affect each other (Nichol et al. 2018, section 6.1).
    """
    if batch_norm == "transductive":
        return apply(weights, task.query.x, noise)
    return vmap(lambda image: apply(weights, torch.cat([task.support.x, image[None]]), noise)[-1])(task.query.x)
