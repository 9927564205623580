"""Turn any nn.Module into a pure function of its weights, its images and noise.

torch functions that keep state, or whose second derivative is wrong or missing, are replaced by pure functions with
exact second derivatives; those that cannot be replaced raise an error. Functions are replaced and not layers, because
layers of every class call these functions.
"""

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.parameter import is_lazy
from torch.overrides import TorchFunctionMode

from fewshot_bench.backbones import dropout, norms
from fewshot_bench.backbones.fused import batch_norm, convolution, pooling
from fewshot_bench.backbones.fused.geometry import Convolutions
from fewshot_bench.backbones.noise import Noise, split, uniform
from fewshot_bench.basics.errors import BenchError

Function = Callable[[dict[str, Tensor], Tensor, Noise | None], Tensor]
"""(weights by parameter name, images [n, c, h, w], noise) -> the module's output.

noise: the source of dropout masks; None: the module is in evaluation mode, and dropout is off.
"""

Operations = dict[Any, Callable[..., Any]]
"""torch's functions -> their replacements, which take the same arguments."""


def _by_elementary_operations(attention: Callable[..., Any]) -> Callable[..., Any]:
    """Attention by elementary operations: torch's fused attention has no second derivative on a CPU."""

    def exact(*args: Any, **kwargs: Any) -> Any:
        with sdpa_kernel(SDPBackend.MATH):
            return attention(*args, **kwargs)

    return exact


def _weight_norm(v: Tensor, g: Tensor, dim: int = 0) -> Tensor:
    """g v / |v|, with the norm over all axes except `dim` (-1: over all axes).

    The second derivative of torch's own function treats |v| as a constant, so a meta-gradient of v is wrong by several
    percent.
    """
    if dim == -1:
        return v * (g / torch.linalg.vector_norm(v))
    axes = tuple(axis for axis in range(v.dim()) if axis != dim % v.dim())
    return v * (g / (torch.linalg.vector_norm(v, dim=axes, keepdim=True) if axes else v.abs()))


def _hardsigmoid(x: Tensor, inplace: bool = False) -> Tensor:
    """relu6(x + 3) / 6; torch's own function has no second derivative."""
    out = F.relu6(x + 3) / 6
    return x.copy_(out) if inplace else out


def _refused(name: str, why: str) -> Callable[..., Any]:
    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise BenchError(f"the network calls torch.{name}, which {why}")

    return refuse


_RECURRENT = ("lstm", "gru", "rnn_tanh", "rnn_relu", "lstm_cell", "gru_cell", "rnn_tanh_cell", "rnn_relu_cell")

ELEMENTARY: Operations = {
    F.batch_norm: norms.batch_norm,
    F.instance_norm: norms.instance_norm,
    F.layer_norm: norms.layer_norm,
    F.hardsigmoid: _hardsigmoid,
    torch._weight_norm: _weight_norm,
}
ELEMENTARY |= {
    attention: _by_elementary_operations(attention)
    for attention in (F.scaled_dot_product_attention, F.multi_head_attention_forward)
}
ELEMENTARY |= {
    getattr(torch, name): _refused(
        name, "cannot compute several tasks in one program (vmap). Write the recurrent cell with nn.Linear layers."
    )
    for name in _RECURRENT
}
ELEMENTARY[F.embedding_bag] = _refused("nn.functional.embedding_bag", "has no second derivative. Use F.embedding.")
"""Replacements for programs that torch runs operation by operation, where fused functions cost more than they gain.

tests/backbones/test_second_derivatives.py tries every differentiable function that layers of torch.nn call.
"""


def fused_operations(convolutions: Convolutions | None = None) -> Operations:
    """Replacements for programs that are traced once and then replayed.

    convolutions: how convolutions with weights for each task are computed under `vmap`; None: chosen by device.
    """
    return ELEMENTARY | {
        F.conv2d: partial(convolution.conv2d, convolutions=convolutions),
        F.batch_norm: batch_norm.batch_norm,
        F.max_pool2d: pooling.max_pool2d,
        F.adaptive_avg_pool2d: pooling.adaptive_avg_pool2d,
    }


FUSED = fused_operations()

_RANDOM: dict[Any, Callable[..., Tensor]] = {
    F.dropout: dropout.dropout,
    F.dropout1d: dropout.dropout1d,
    F.dropout2d: dropout.dropout2d,
    F.dropout3d: dropout.dropout3d,
    F.alpha_dropout: dropout.alpha_dropout,
    F.feature_alpha_dropout: dropout.feature_alpha_dropout,
    F.rrelu: dropout.rrelu,
    Tensor.bernoulli_: dropout.bernoulli_,
}
"""torch function -> its replacement, whose first argument is the source of random numbers."""


class PureOperations(TorchFunctionMode):
    """A mode for one pass through a network: torch's functions are replaced, and each random one has its own stream.

    Streams are numbered in the order in which the pass draws from them, so a repeated pass draws the same numbers.
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
        """The next random numbers in [0, 1), float64."""
        assert self.noise is not None
        stream = split(split(self.noise.key, self.noise.use), self.draws)
        self.draws += 1
        return uniform(stream, shape)


def adopted(module: nn.Module) -> nn.Module:
    """A copy of a user's module without running statistics, which a forward pass would change.

    Raises BenchError if layers have no shapes yet, or if the module cannot be copied.
    """
    if any(is_lazy(tensor) for tensor in (*module.parameters(), *module.buffers())):
        raise BenchError(
            f"{type(module).__name__} has lazy layers, which get their shapes from the first images. Give each layer "
            "its sizes, or pass images through the network once before you return it."
        )
    try:
        copied = copy.deepcopy(module)
    except Exception as error:  # what a module holds decides; torch and Python raise several types
        raise BenchError(
            f"{type(module).__name__} cannot be copied ({str(error).splitlines()[0] if str(error) else error!r}): it "
            "holds something that is neither a layer nor a plain tensor. torch.nn.utils.weight_norm does that; its "
            "successor torch.nn.utils.parametrizations.weight_norm does not."
        ) from error
    return norms.with_batch_statistics(copied)


def constants(module: nn.Module) -> dict[str, Tensor]:
    """Tensors that a pass needs and that are not learned: buffers, and parameters that require no gradient."""
    return dict(module.named_buffers()) | {
        name: parameter.detach() for name, parameter in module.named_parameters() if not parameter.requires_grad
    }


def as_function(module: nn.Module, operations: Operations = ELEMENTARY) -> Function:
    """A pure function for the forward pass of an adopted module.

    Floating-point constants get the images' type, so the same network runs in float32 and float64.

    Args:
        module: From `adopted`.
        operations: Replacements of torch's functions.

    Returns:
        The function. It raises BenchError if a pass changes a constant, or returns anything but one tensor.
    """
    modes = {noisy: _same_tensors(module).train(noisy) for noisy in (True, False)}
    fixed = constants(module)
    kind = type(module).__name__

    def call(weights: dict[str, Tensor], images: Tensor, noise: Noise | None) -> Tensor:
        given = {name: t.to(images.dtype) if t.is_floating_point() else t for name, t in fixed.items()}
        versions = {name: tensor._version for name, tensor in given.items()}
        values = {**weights, **given}
        with PureOperations(noise, operations):
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


@contextmanager
def in_evaluation_mode(module: nn.Module) -> Iterator[None]:
    """Within the block, `module` behaves as its copies do: evaluation mode, and batch norm by batch statistics.

    Afterwards its weights, buffers and modes are restored.
    """
    modes = {layer: layer.training for layer in module.modules()}
    tensors = {tensor: tensor.detach().clone() for tensor in (*module.parameters(), *module.buffers())}
    with norms.temporary_batch_statistics(module):
        module.eval()
        try:
            yield
        finally:
            for layer, training in modes.items():
                layer.training = training
            with torch.no_grad():
                for tensor, value in tensors.items():
                    if not torch.equal(tensor, value):  # one that is expanded cannot be written to
                        tensor.copy_(value)


def module_logits(
    module: nn.Module, weights: dict[str, Tensor], images: Tensor, operations: Operations = ELEMENTARY
) -> Any:
    """The output of the module itself with `weights` copied into it. Call it within `in_evaluation_mode(module)`."""
    own = {name: parameter for name, parameter in module.named_parameters() if name in weights}
    before = {name: parameter.detach().clone() for name, parameter in own.items()}

    def put(values: dict[str, Tensor]) -> None:
        for name, parameter in own.items():
            parameter.copy_(values[name])

    with torch.no_grad():
        put(weights)
        try:
            with PureOperations(None, operations):
                return module(images)
        finally:
            put(before)


def _same_tensors(module: nn.Module) -> nn.Module:
    """A copy of the layers that shares their tensors."""
    return copy.deepcopy(module, {id(tensor): tensor for tensor in (*module.parameters(), *module.buffers())})
