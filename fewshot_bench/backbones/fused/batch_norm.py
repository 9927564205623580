"""Batch norm whose first and second derivatives are written out: few passes over the images, each in a fast kernel.

With m and s the mean and 1 / sqrt(variance + eps) of a channel's N numbers, and xh = (x - m) s:
y = gain xh + shift, and with P v = v - mean(v) - xh mean(v xh), which is its own transpose, dxh = s P dx.
"""

from typing import Any

import torch
from torch import Tensor, addcmul
from torch.autograd import Function
from torch.func import vjp

from fewshot_bench.backbones import norms
from fewshot_bench.backbones.fused.batching import into_channels, into_first, looped, out_of
from fewshot_bench.backbones.fused.layout import arranged

LOOPED = ("cpu",)
"""Devices where each task has a call of its own under `vmap`."""


def batch_norm(
    x: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float | None = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """As norms.batch_norm. x: [n, channels, ...] -> the same shape. Raises as it does."""
    if running_mean is not None and running_var is not None:
        return norms.batch_norm(x, running_mean, running_var, weight, bias, training, momentum, eps)
    gain = x.new_ones(x.shape[1]) if weight is None else weight
    shift = x.new_zeros(x.shape[1]) if bias is None else bias
    return Normalise.apply(x, gain, shift, eps)[0]


class Normalise(Function):
    """(x [n, c, ...], gain [c], shift [c]) -> y like x, and m and s [c], which count as constants."""

    @staticmethod
    def forward(x: Tensor, gain: Tensor, shift: Tensor, eps: float) -> tuple[Tensor, ...]:
        return torch.ops.aten.native_batch_norm(arranged(x), gain, shift, None, None, True, 0.0, eps)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: tuple) -> None:
        x, gain, _, ctx.eps = inputs
        _, mean, scale = output
        ctx.mark_non_differentiable(mean, scale)
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(x, gain, mean, scale)

    @staticmethod
    def backward(ctx: Any, g: Tensor | None, *_: None) -> tuple:
        if g is None:
            return None, None, None, None
        return *Gradient.apply(g, *ctx.saved_tensors, ctx.eps), None

    @staticmethod
    def vmap(info: Any, in_dims: tuple, *arguments: Any) -> tuple:
        return _of_tasks(Normalise, info.batch_size, in_dims, arguments)


class Gradient(Function):
    """(g, x, gain, m, s) -> what `Normalise` is pulled back to along x, gain and shift.

    gain s P g, sum(g xh) and sum(g), sums over all but channels. m and s are those of x, and no variables.
    """

    @staticmethod
    def forward(g: Tensor, x: Tensor, gain: Tensor, mean: Tensor, scale: Tensor, eps: float) -> tuple[Tensor, ...]:
        return torch.ops.aten.native_batch_norm_backward(
            arranged(g), arranged(x), gain, None, None, mean, scale, True, eps, (True, True, True)
        )

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: tuple) -> None:
        *tensors, ctx.eps = inputs
        ctx.save_for_backward(*tensors, *output[1:])

    @staticmethod
    def backward(ctx: Any, u: Tensor, a: Tensor, b: Tensor) -> tuple:
        return *SecondGradient.apply(u, a, b, *ctx.saved_tensors, ctx.eps), None, None, None

    @staticmethod
    def vmap(info: Any, in_dims: tuple, *arguments: Any) -> tuple:
        return _of_tasks(Gradient, info.batch_size, in_dims, arguments)


class SecondGradient(Function):
    """(u, a, b; g, x, gain, m, s, dgain, dshift) -> what `Gradient` is pulled back to along g, x and gain.

    u, a, b: along its three results; dgain, dshift: its second and third result. With S = sum(u P g) and
    c = s (a - gain s mean(u xh)) and d = -gain s^2 mean(g xh):
    along g: gain s P u + a xh + b; along gain: s S; along x: P(c g + d u) - gain s^2 S / N xh.
    In `forward` P is multiplied out, and m in xh is part of what is constant over a channel: xh is never made.
    """

    @staticmethod
    def forward(
        u: Tensor,
        a: Tensor,
        b: Tensor,
        g: Tensor,
        x: Tensor,
        gain: Tensor,
        mean: Tensor,
        scale: Tensor,
        dgain: Tensor,
        dshift: Tensor,
        eps: float,
    ) -> tuple[Tensor, Tensor, Tensor]:
        u, g, x = arranged(u), arranged(g), arranged(x)
        minus = -1 / (x.numel() // x.shape[1])
        _, along, total = torch.ops.aten.native_batch_norm_backward(  # sum(u xh), sum(u)
            u, x, gain, None, None, mean, scale, True, eps, (False, True, True)
        )
        both = (u * g).sum((0, *range(2, x.dim())))
        into_gain = scale * torch.add(both, addcmul(total * dshift, along, dgain), alpha=minus)
        rate = gain * scale
        slope = rate * minus
        c = addcmul(a, slope, along) * scale
        d = slope * scale * dgain
        into_x = addcmul(addcmul(rate * into_gain, c, dgain), d, along) * scale
        rest_g = addcmul(addcmul(b, slope, total), c, mean, value=-1)
        rest_x = addcmul(addcmul(c * dshift, d, total), into_x, mean, value=-1) * minus
        own = (1, -1, *(1 for _ in range(2, x.dim())))
        c, d = c.view(own), d.view(own)
        along_g = addcmul(addcmul(rest_g.view(own), u, rate.view(own)), x, c)
        along_x = addcmul(addcmul(rest_x.view(own), g, c), u, d)
        return along_g, addcmul(along_x, x, into_x.view(own), value=minus), into_gain

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: tuple) -> None:
        *tensors, ctx.eps = inputs
        ctx.save_for_backward(*tensors[:6])

    @staticmethod
    def backward(ctx: Any, *cotangents: Tensor) -> tuple:
        """By elementary operations: nothing here asks for a third derivative often."""
        eps = ctx.eps

        def gradient(g: Tensor, x: Tensor, gain: Tensor) -> tuple:
            def norm(x: Tensor, gain: Tensor, shift: Tensor) -> Tensor:
                return norms.batch_norm(x, None, None, gain, shift, eps=eps)

            return vjp(norm, x, gain, torch.zeros_like(gain))[1](g)

        def second(u: Tensor, a: Tensor, b: Tensor, g: Tensor, x: Tensor, gain: Tensor) -> tuple:
            return vjp(gradient, g, x, gain)[1]((u, a, b))

        return *vjp(second, *ctx.saved_tensors)[1](cotangents), *(None for _ in range(5))

    @staticmethod
    def vmap(info: Any, in_dims: tuple, *arguments: Any) -> tuple:
        return _of_tasks(SecondGradient, info.batch_size, in_dims, arguments)


def _of_tasks(function: type[Function], tasks: int, in_dims: tuple, arguments: tuple) -> tuple[tuple, tuple]:
    """The rule of `vmap` for all three: a loop, or one call with the channels of all tasks side by side."""
    *tensors, eps = arguments
    if tensors[0].device.type in LOOPED:
        return looped(function, tasks, in_dims, arguments)
    wide = [
        (into_first if tensor.dim() - (axis is not None) == 1 else into_channels)(tensor, axis, tasks)
        for tensor, axis in zip(tensors, in_dims[:-1], strict=True)
    ]
    results = function.apply(*wide, eps)
    axes = tuple(0 if result.dim() == 1 else 1 for result in results)
    return tuple(out_of(axis, result, tasks) for axis, result in zip(axes, results, strict=True)), axes
