"""Convolution in two dimensions whose derivatives of every order are convolutions of the same size.

A convolution and its gradients are linear in each of their tensors, so the derivatives of both consist of the same two
functions. torch's own second derivative uses a kernel as large as the image, which is up to 15 times slower on a CPU.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import Function

from fewshot_bench.backbones.fused import matrix_products
from fewshot_bench.backbones.fused.geometry import Convolutions, Geometry, Pair, pair
from fewshot_bench.backbones.fused.layout import (
    by_task,
    in_fast_order,
    into_channels,
    into_first,
    split_tasks,
    task_loop,
)

Targets = tuple[bool, bool, bool]
"""Which of images, weights and bias get a gradient; the bias only together with the weights."""


def conv2d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Pair = 1,
    padding: str | int | Pair = 0,
    dilation: int | Pair = 1,
    groups: int = 1,
    *,
    convolutions: Convolutions | None = None,
) -> Tensor:
    """torch.nn.functional.conv2d. x: [n, c, h, w] or [c, h, w]; result: [n, o, ...] or [o, ...].

    convolutions: the method if each task has its own weights, under `vmap`; None: chosen by device.
    """
    if x.dim() == 3:
        return conv2d(x[None], weight, bias, stride, padding, dilation, groups, convolutions=convolutions)[0]
    if x.dim() != 4 or not x.is_floating_point() or (padding == "same" and pair(stride) != (1, 1)):
        return F.conv2d(x, weight, bias, stride, padding, dilation, groups)  # torch raises its own errors
    if isinstance(padding, str):
        x, padding = _padded(x, pair(dilation), weight.shape[2:]) if padding == "same" else (x, 0)
    if tuple(weight.shape[2:]) == (1, 1) and pair(padding) == (0, 0):
        # Images are thinned out beforehand: oneDNN 3.13's gradient to the weights of a 1x1 kernel with a stride, for 3
        # or 8 channels of 84 x 84 pixels in channels-last order, writes beyond its memory.
        (down, right), stride = pair(stride), 1
        x = x if (down, right) == (1, 1) else x[:, :, ::down, ::right]
    geometry = Geometry(pair(stride), pair(padding), pair(dilation), groups, convolutions)
    return Convolve.apply(x, weight, bias, geometry)


def _padded(x: Tensor, dilation: Pair, kernel: torch.Size) -> tuple[Tensor, Pair]:
    """Images and the padding on both sides that keeps their size; if it is odd, images get one more at the end."""
    height, width = (d * (k - 1) for d, k in zip(dilation, kernel, strict=True))
    if height % 2 or width % 2:
        x = F.pad(x, (0, width % 2, 0, height % 2))
    return x, (height // 2, width // 2)


class Convolve(Function):
    """(x [n, c, h, w], weight [o, c / groups, kh, kw], bias [o] or None) -> [n, o, oh, ow]."""

    @staticmethod
    def forward(x: Tensor, weight: Tensor, bias: Tensor | None, geometry: Geometry) -> Tensor:
        x, weight = in_fast_order(x), in_fast_order(weight)
        height, width = geometry.out((x.shape[2], x.shape[3]), (weight.shape[2], weight.shape[3]))
        if matrix_products.few_pixels(len(x) * height * width, len(weight), x, geometry):
            return matrix_products.convolve_few_pixels(x, weight, bias, (height, width), geometry)
        kind = (geometry.stride, geometry.padding, geometry.dilation, False, (0, 0), geometry.groups)
        return torch.ops.aten.convolution(x, weight, bias, *kind)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: Tensor) -> None:
        x, weight, _, ctx.geometry = inputs
        ctx.save_for_backward(x, weight)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple:
        for_x, for_weight, for_bias, _ = ctx.needs_input_grad
        if not for_weight:
            along_x = (
                ConvolveGradient.apply(g, *ctx.saved_tensors, (True, False, False), ctx.geometry)[0] if for_x else None
            )
            return along_x, None, g.sum((0, 2, 3)) if for_bias else None, None
        targets = (for_x, for_weight, for_bias)
        return *_at(targets, ConvolveGradient.apply(g, *ctx.saved_tensors, targets, ctx.geometry)), None

    @staticmethod
    def vmap(info: Any, in_dims: tuple, *arguments: Any) -> tuple[Tensor, int]:
        (x, weight, bias, geometry), tasks = arguments, info.batch_size
        if in_dims[1] is None and in_dims[2] is None:
            return split_tasks(0, Convolve.apply(into_first(x, in_dims[0], tasks), weight, bias, geometry), tasks), 0
        method = geometry.method_for(x)
        if method == "loop":
            return task_loop(Convolve, tasks, in_dims, arguments)
        if method == "matmul":
            y = matrix_products.convolve_tasks(
                by_task(x, in_dims[0], tasks), by_task(weight, in_dims[1], tasks), geometry
            )
            return y if bias is None else y + by_task(bias, in_dims[2], tasks)[:, None, :, None, None], 0
        bias = None if bias is None else into_first(bias, in_dims[2], tasks)
        x, weight = into_channels(x, in_dims[0], tasks), into_first(weight, in_dims[1], tasks)
        return split_tasks(1, Convolve.apply(x, weight, bias, geometry.for_tasks(tasks)), tasks), 1


class ConvolveGradient(Function):
    """(g [n, o, oh, ow], x, weight) -> the gradients of `Convolve` for each of the targets.

    If only one of x and weight is a target, its own numbers are not used.
    """

    @staticmethod
    def forward(g: Tensor, x: Tensor, weight: Tensor, targets: Targets, geometry: Geometry) -> tuple[Tensor, ...]:
        g, x, weight, (for_x, for_weight, _) = in_fast_order(g), in_fast_order(x), in_fast_order(weight), targets
        product = for_weight and matrix_products.few_pixels(len(g) * g.shape[2] * g.shape[3], g.shape[1], g, geometry)
        mask = (for_x, for_weight and not product, False)
        kind = (geometry.stride, geometry.padding, geometry.dilation, False, (0, 0), geometry.groups)
        backward = torch.ops.aten.convolution_backward
        along_x, along_weight, _ = backward(g, x, weight, None, *kind, mask) if any(mask) else (None, None, None)
        if product:
            along_weight = matrix_products.weight_gradient_few_pixels(g, x, weight.shape, geometry)
        gradients = (along_x, along_weight, g.sum((0, 2, 3)) if targets[2] else None)
        return tuple(tensor for tensor in gradients if tensor is not None)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: tuple) -> None:
        g, x, weight, ctx.targets, ctx.geometry = inputs
        ctx.save_for_backward(g, x, weight)

    @staticmethod
    def backward(ctx: Any, *cotangents: Tensor) -> tuple:
        (g, x, weight), geometry, needed = ctx.saved_tensors, ctx.geometry, ctx.needs_input_grad
        u, v, of_bias = _at(ctx.targets, cotangents)
        along_g = None
        if needed[0]:
            parts = [] if u is None else [Convolve.apply(u, weight, None, geometry)]
            parts += [] if v is None else [Convolve.apply(x, v, of_bias, geometry)]
            along_g = sum(parts[1:], start=parts[0])
        targets = (needed[1] and v is not None, needed[2] and u is not None, False)
        if not any(targets):
            return along_g, None, None, None, None
        gradients = ConvolveGradient.apply(g, x if u is None else u, weight if v is None else v, targets, geometry)
        return along_g, *_at(targets, gradients)[:2], None, None

    @staticmethod
    def vmap(info: Any, in_dims: tuple, *arguments: Any) -> tuple[tuple, tuple]:
        (g, x, weight, targets, geometry), tasks = arguments, info.batch_size
        if targets[0] and in_dims[2] is None:  # weights shared by all tasks, whose images are more images
            images = into_first(g, in_dims[0], tasks), into_first(x, in_dims[1], tasks)
            along_x = split_tasks(0, ConvolveGradient.apply(*images, weight, (True, False, False), geometry)[0], tasks)
            if not targets[1]:
                return (along_x,), (0,)
            rest, axes = ConvolveGradient.vmap(info, in_dims, g, x, weight, (False, *targets[1:]), geometry)
            return (along_x, *rest), (0, *axes)
        method = geometry.method_for(g)
        if method == "loop":
            return task_loop(ConvolveGradient, tasks, in_dims, arguments)
        if method == "matmul":
            g, x, weight = (by_task(t, axis, tasks) for t, axis in zip((g, x, weight), in_dims[:3], strict=True))
            return matrix_products.task_gradients(g, x, weight, targets, geometry), tuple(
                0 for target in targets if target
            )
        g, x = into_channels(g, in_dims[0], tasks), into_channels(x, in_dims[1], tasks)
        weight = into_first(weight, in_dims[2], tasks)
        gradients = ConvolveGradient.apply(g, x, weight, targets, geometry.for_tasks(tasks))
        out_dims = tuple(axis for axis, target in zip((1, 0, 0), targets, strict=True) if target)
        return tuple(split_tasks(axis, part, tasks) for axis, part in zip(out_dims, gradients, strict=True)), out_dims


def _at(targets: Targets, tensors: tuple[Tensor, ...]) -> tuple[Tensor | None, ...]:
    """The tensors at the positions of their targets; None at the other positions."""
    left = iter(tensors)
    return tuple(next(left) if target else None for target in targets)
