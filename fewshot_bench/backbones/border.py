"""Where somebody's module becomes a function: what it asks of torch that is no function, or inexact, is done otherwise.

Layers call torch's functions in the end, whatever class they are of, so it is these that are replaced, not layers.
"""

import copy
from collections.abc import Callable
from functools import partial
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.parameter import is_lazy
from torch.overrides import TorchFunctionMode

from fewshot_bench.backbones import dropout, norms
from fewshot_bench.backbones.fused import average_pool, batch_norm, convolution, max_pool
from fewshot_bench.backbones.fused.geometry import Convolutions
from fewshot_bench.backbones.noise import Noise, split, uniform
from fewshot_bench.basics.errors import BenchError

Function = Callable[[dict[str, Tensor], Tensor, Noise | None], Tensor]
"""(weights by parameter name, images [n, c, h, w], noise) -> what the module gives for them.

noise: what dropout draws its masks from; None: the module is as in evaluation, and dropout is off.
"""

Operations = dict[Any, Callable[..., Any]]
"""torch's functions -> those that take their place, with the same arguments."""


def _by_elementary_operations(attention: Callable[..., Any]) -> Callable[..., Any]:
    """torch's fused attention has no second derivative on a CPU."""

    def exact(*args: Any, **kwargs: Any) -> Any:
        with sdpa_kernel(SDPBackend.MATH):
            return attention(*args, **kwargs)

    return exact


ELEMENTARY: Operations = {
    F.batch_norm: norms.batch_norm,
    F.instance_norm: norms.instance_norm,
    F.layer_norm: norms.layer_norm,
} | {
    attention: _by_elementary_operations(attention)
    for attention in (F.scaled_dot_product_attention, F.multi_head_attention_forward)
}
"""For programs that torch runs as they come: the fused functions cost more there than they gain."""


def fused_operations(convolutions: Convolutions | None = None) -> Operations:
    """For programs that are traced once and then replayed.

    convolutions: how convolutions with weights for each task are computed under `vmap`; None: by device.
    """
    return ELEMENTARY | {
        F.conv2d: partial(convolution.conv2d, convolutions=convolutions),
        F.batch_norm: batch_norm.batch_norm,
        F.max_pool2d: max_pool.max_pool2d,
        F.adaptive_avg_pool2d: average_pool.adaptive_avg_pool2d,
    }


FUSED = fused_operations()

_RANDOM: dict[Any, Callable[..., Tensor]] = {
    F.dropout: dropout.dropout,
    F.dropout1d: dropout.dropout1d,
    F.dropout2d: dropout.dropout2d,
    F.dropout3d: dropout.dropout3d,
    F.alpha_dropout: dropout.alpha_dropout,
    F.feature_alpha_dropout: dropout.feature_alpha_dropout,
    Tensor.bernoulli_: dropout.bernoulli_,
}
"""Given what they draw from before their arguments."""


class Border(TorchFunctionMode):
    """The time of one pass: torch's functions are the ones above, and each that draws has a stream of its own.

    Streams are counted in the order in which the pass asks for them, so a pass done again draws the same numbers.
    """

    def __init__(self, noise: Noise | None, operations: Operations = ELEMENTARY) -> None:
        super().__init__()
        self.noise = noise
        self.operations = operations
        self.draws = 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in _RANDOM:
            return _RANDOM[func](self.uniform if self.noise else None, *args, **(kwargs or {}))
        return self.operations.get(func, func)(*args, **(kwargs or {}))

    def uniform(self, shape: tuple[int, ...]) -> Tensor:
        """The next draw, [0, 1) in float64."""
        assert self.noise is not None
        stream = split(split(self.noise.key, self.noise.use), self.draws)
        self.draws += 1
        return uniform(stream, shape)


def adopted(module: nn.Module) -> nn.Module:
    """A copy of somebody's module with nothing in it that passes change for good reasons: running statistics.

    Raises BenchError where layers have no shapes yet.
    """
    if any(is_lazy(tensor) for tensor in (*module.parameters(), *module.buffers())):
        raise BenchError(
            f"{type(module).__name__} has lazy layers, which get their shapes from the first images. Give each layer "
            "its sizes, or pass images through the network once before you return it."
        )
    return norms.with_batch_statistics(copy.deepcopy(module))


def constants(module: nn.Module) -> dict[str, Tensor]:
    """What a pass needs and nobody learns: buffers, and parameters that require no gradient."""
    return dict(module.named_buffers()) | {
        name: parameter.detach() for name, parameter in module.named_parameters() if not parameter.requires_grad
    }


def as_function(module: nn.Module, operations: Operations = ELEMENTARY) -> Function:
    """A pass through an adopted module, with `operations` in place of some of torch's.

    Constants with a fraction get the images' type, so the same network runs in float32 and float64. Raises BenchError
    where a pass changes a constant, or gives something else than one tensor.
    """
    modes = {noisy: _twin(module).train(noisy) for noisy in (True, False)}
    fixed = constants(module)
    kind = type(module).__name__

    def call(weights: dict[str, Tensor], images: Tensor, noise: Noise | None) -> Tensor:
        given = {name: t.to(images.dtype) if t.is_floating_point() else t for name, t in fixed.items()}
        versions = {name: tensor._version for name, tensor in given.items()}
        values = {**weights, **given}
        with Border(noise, operations):
            out = functional_call(modes[noise is not None], values, (images,))
        for name, tensor in given.items():  # functional_call writes what was put in place of a tensor into `values`
            if values[name] is not tensor or tensor._version != versions[name]:
                raise BenchError(
                    f"{kind} changes its buffer {name!r} in its forward pass, so what it computes depends on the "
                    "images before. Buffers have to be constants: leave the update out."
                )
        if not isinstance(out, Tensor):
            raise BenchError(
                f"{kind} gives a {type(out).__name__}{' in training' if noise else ''}; a backbone has to give one "
                "tensor, logits [n, ways]. Wrap it in a module that picks it."
            )
        return out

    return call


def _twin(module: nn.Module) -> nn.Module:
    """The same layers again, around the same tensors."""
    return copy.deepcopy(module, {id(tensor): tensor for tensor in (*module.parameters(), *module.buffers())})
