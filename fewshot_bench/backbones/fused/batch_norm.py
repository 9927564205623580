"""Batch norm with explicit first and second derivatives: few passes over the images, each in a fast kernel.

With s = 1 / sqrt(variance + eps) and xh = (x - mean) s over a channel's N numbers, y = gain xh + shift. With
P v = v - mean(v) - xh mean(v xh), which is its own transpose, dxh = s P dx. Values by channel are [1, c, 1, ...].
"""

from typing import Any

import torch
from torch import Tensor, addcmul
from torch.autograd import Function
from torch.func import vjp

from fewshot_bench.backbones import norms
from fewshot_bench.backbones.fused.layout import in_fast_order, into_channels, split_tasks, task_loop

PLAIN = ("cpu",)
"""Devices on which torch's own kernels are not used, and each task has a call of its own under `vmap`.

On a CPU those kernels sum channels-last images one number after another in single precision. For a batch of 4,000
pixels the error is 1e-5; that of `sum` is 1e-7.
"""


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
    """The same function as norms.batch_norm. x: [n, channels, ...]; the result has the same shape."""
    if running_mean is not None and running_var is not None:
        return norms.batch_norm(x, running_mean, running_var, weight, bias, training, momentum, eps)
    shape = (1, -1, *(1 for _ in range(2, x.dim())))
    gain = x.new_ones(x.shape[1]) if weight is None else weight
    shift = x.new_zeros(x.shape[1]) if bias is None else bias
    return BatchNormalisation.apply(x, gain.view(shape), shift.view(shape), eps)[0]


class BatchNormalisation(Function):
    """(x [n, c, ...], gain, shift) -> y, and xh and s, which are constants for autograd."""

    @staticmethod
    def forward(x: Tensor, gain: Tensor, shift: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor]:
        x = in_fast_order(x)
        if x.device.type in PLAIN:
            axes = (0, *range(2, x.dim()))
            centred = x - x.mean(axes, keepdim=True)
            scale = ((centred * centred).mean(axes, keepdim=True) + eps).rsqrt()
            xh = centred * scale
        else:
            xh, _, scale = torch.ops.aten.native_batch_norm(x, None, None, None, None, True, 0.0, eps)
            scale = scale.view(gain.shape)
        return addcmul(shift, xh, gain), xh, scale

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: tuple) -> None:
        x, gain, _, ctx.eps = inputs
        _, xh, scale = output
        ctx.mark_non_differentiable(xh, scale)
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(x, gain, xh, scale)

    @staticmethod
    def backward(ctx: Any, g: Tensor | None, *_: None) -> tuple:
        if g is None:
            return None, None, None, None
        return *BatchNormGradient.apply(g, *ctx.saved_tensors, ctx.eps), None

    @staticmethod
    def vmap(info: Any, in_dims: tuple, *arguments: Any) -> tuple:
        return _of_tasks(BatchNormalisation, info.batch_size, in_dims, arguments)


class BatchNormGradient(Function):
    """(g, x, gain, xh, s) -> the gradients of `BatchNormalisation` for x, gain and shift.

    They are gain s P g, sum(g xh) and sum(g). xh and s belong to x and are constants for autograd. x is only
    there to take derivatives by; its numbers are not used.
    """

    @staticmethod
    def forward(g: Tensor, x: Tensor, gain: Tensor, xh: Tensor, scale: Tensor, eps: float) -> tuple[Tensor, ...]:
        g, rate = in_fast_order(g), gain * scale
        if g.device.type not in PLAIN:
            mean, one = torch.zeros_like(rate).flatten(), torch.ones_like(rate).flatten()  # of xh
            along_x, dgain, dshift = torch.ops.aten.native_batch_norm_backward(
                g, xh, rate.flatten(), None, None, mean, one, True, 0.0, (True, True, True)
            )
            return along_x, dgain.view(gain.shape), dshift.view(gain.shape)
        dgain, dshift, minus = _sum(g * xh), _sum(g), -1 / _count(g)
        return addcmul(addcmul(rate * dshift * minus, g, rate), xh, rate * dgain, value=minus), dgain, dshift

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: tuple) -> None:
        *tensors, ctx.eps = inputs
        ctx.save_for_backward(*tensors, *output[1:])

    @staticmethod
    def backward(ctx: Any, u: Tensor, a: Tensor, b: Tensor) -> tuple:
        return *BatchNormSecondGradient.apply(u, a, b, *ctx.saved_tensors, ctx.eps), None, None, None

    @staticmethod
    def vmap(info: Any, in_dims: tuple, *arguments: Any) -> tuple:
        return _of_tasks(BatchNormGradient, info.batch_size, in_dims, arguments)


class BatchNormSecondGradient(Function):
    """(u, a, b; g, x, gain, xh, s, dgain, dshift) -> the gradients of `BatchNormGradient` for g, x and gain.

    u, a, b: gradients for its three results; dgain, dshift: its second and third result. With S = sum(u P g),
    c = a - gain s mean(u xh) and d = -gain s mean(g xh):
    along g: gain s P u + a xh + b; along gain: s S; along x: s P(c g + d u) - gain s^2 S / N xh. P is multiplied out.
    """

    @staticmethod
    def forward(
        u: Tensor,
        a: Tensor,
        b: Tensor,
        g: Tensor,
        x: Tensor,
        gain: Tensor,
        xh: Tensor,
        scale: Tensor,
        dgain: Tensor,
        dshift: Tensor,
        eps: float,
    ) -> tuple[Tensor, Tensor, Tensor]:
        u, g, minus = in_fast_order(u), in_fast_order(g), -1 / _count(u)
        total, along, rate = _sum(u), _sum(u * xh), gain * scale
        into_gain = scale * torch.add(_sum(u * g), addcmul(total * dshift, along, dgain), alpha=minus)
        c = addcmul(a, rate, along, value=minus)
        along_g = addcmul(addcmul(addcmul(b, rate, total, value=minus), u, rate), xh, c)
        c, d = c * scale, rate * scale * dgain  # d without its -1 / N
        rest = addcmul(c * dshift, d, total, value=minus) * minus
        into_xh = addcmul(addcmul(rate * into_gain, c, dgain), d, along, value=minus)
        along_x = addcmul(addcmul(addcmul(rest, g, c), u, d, value=minus), xh, into_xh, value=minus)
        return along_g, along_x, into_gain

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: tuple) -> None:
        *tensors, ctx.eps = inputs
        ctx.save_for_backward(*tensors[:6])

    @staticmethod
    def backward(ctx: Any, *cotangents: Tensor) -> tuple:
        """The third derivative, by elementary operations: it is rarely needed."""
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
        return _of_tasks(BatchNormSecondGradient, info.batch_size, in_dims, arguments)


def _count(x: Tensor) -> int:
    """N, the numbers of a channel."""
    return x.numel() // x.shape[1]


def _sum(x: Tensor) -> Tensor:
    """The sum over all axes but the channels."""
    return x.sum((0, *range(2, x.dim())), keepdim=True)


def _of_tasks(function: type[Function], tasks: int, in_dims: tuple, arguments: tuple) -> tuple[tuple, tuple]:
    """The `vmap` rule of all three functions: a loop, or one call with the channels of all tasks side by side."""
    *tensors, eps = arguments
    if tensors[0].device.type in PLAIN:
        return task_loop(function, tasks, in_dims, arguments)
    wide = (into_channels(tensor, axis, tasks) for tensor, axis in zip(tensors, in_dims[:-1], strict=True))
    results = function.apply(*wide, eps)
    return tuple(split_tasks(1, result, tasks) for result in results), tuple(1 for _ in results)
