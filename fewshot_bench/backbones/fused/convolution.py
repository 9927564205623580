"""Convolution in two dimensions whose derivatives of every order are convolutions of the same size.

A convolution and what it is pulled back to along its images and weights are linear in each of the tensors they are
given, so the derivatives of both are made of the same two. torch's own second derivative is a convolution with a kernel
as large as the image instead, up to 15 times slower on a CPU.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import Function

from fewshot_bench.backbones.fused import few_pixels, patches
from fewshot_bench.backbones.fused.batching import into_channels, into_first, leading, looped, out_of
from fewshot_bench.backbones.fused.geometry import Convolutions, Geometry, Pair, pair
from fewshot_bench.backbones.fused.layout import arranged

Wanted = tuple[bool, bool, bool]
"""Along which of images, weights and bias: the bias only together with the weights."""


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
    """torch.nn.functional.conv2d. x: [n, c, h, w] or [c, h, w] -> [n, o, ...] or [o, ...].

    convolutions: how weights for each task, under `vmap`, are dealt with; None: by device.
    """
    if x.dim() == 3:
        return conv2d(x[None], weight, bias, stride, padding, dilation, groups, convolutions=convolutions)[0]
    if x.dim() != 4 or not x.is_floating_point() or (padding == "same" and pair(stride) != (1, 1)):
        return F.conv2d(x, weight, bias, stride, padding, dilation, groups)  # where it raises, the words are torch's
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
    """Images, and the padding on both sides that keeps their size; one more at the end, where it is odd, they have."""
    height, width = (d * (k - 1) for d, k in zip(dilation, kernel, strict=True))
    if height % 2 or width % 2:
        x = F.pad(x, (0, width % 2, 0, height % 2))
    return x, (height // 2, width // 2)


class Convolve(Function):
    """(x [n, c, h, w], weight [o, c / groups, kh, kw], bias [o] or None) -> [n, o, oh, ow]."""

    @staticmethod
    def forward(x: Tensor, weight: Tensor, bias: Tensor | None, geometry: Geometry) -> Tensor:
        x, weight = arranged(x), arranged(weight)
        height, width = geometry.out((x.shape[2], x.shape[3]), (weight.shape[2], weight.shape[3]))
        if few_pixels.hold_for(len(x) * height * width, len(weight), x, geometry):
            return few_pixels.convolve(x, weight, bias, (height, width), geometry)
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
            along_x = PullBack.apply(g, *ctx.saved_tensors, (True, False, False), ctx.geometry)[0] if for_x else None
            return along_x, None, g.sum((0, 2, 3)) if for_bias else None, None
        wanted = (for_x, for_weight, for_bias)
        return *_at(wanted, PullBack.apply(g, *ctx.saved_tensors, wanted, ctx.geometry)), None

    @staticmethod
    def vmap(info: Any, in_dims: tuple, *arguments: Any) -> tuple[Tensor, int]:
        (x, weight, bias, geometry), tasks = arguments, info.batch_size
        if in_dims[1] is None and in_dims[2] is None:
            return out_of(0, Convolve.apply(into_first(x, in_dims[0], tasks), weight, bias, geometry), tasks), 0
        way = geometry.way(x)
        if way == "loop":
            return looped(Convolve, tasks, in_dims, arguments)
        if way == "matmul":
            y = patches.convolve(leading(x, in_dims[0], tasks), leading(weight, in_dims[1], tasks), geometry)
            return y if bias is None else y + leading(bias, in_dims[2], tasks)[:, None, :, None, None], 0
        bias = None if bias is None else into_first(bias, in_dims[2], tasks)
        x, weight = into_channels(x, in_dims[0], tasks), into_first(weight, in_dims[1], tasks)
        return out_of(1, Convolve.apply(x, weight, bias, geometry.for_tasks(tasks)), tasks), 1


class PullBack(Function):
    """(g [n, o, oh, ow], x, weight) -> what `Convolve` is pulled back to along what is wanted, one tensor each.

    Where only one of x and weight is wanted, its own numbers are not looked at.
    """

    @staticmethod
    def forward(g: Tensor, x: Tensor, weight: Tensor, wanted: Wanted, geometry: Geometry) -> tuple[Tensor, ...]:
        g, x, weight, (for_x, for_weight, _) = arranged(g), arranged(x), arranged(weight), wanted
        product = for_weight and few_pixels.hold_for(len(g) * g.shape[2] * g.shape[3], g.shape[1], g, geometry)
        mask = (for_x, for_weight and not product, False)
        kind = (geometry.stride, geometry.padding, geometry.dilation, False, (0, 0), geometry.groups)
        backward = torch.ops.aten.convolution_backward
        along_x, along_weight, _ = backward(g, x, weight, None, *kind, mask) if any(mask) else (None, None, None)
        if product:
            along_weight = few_pixels.to_weight(g, x, weight.shape, geometry)
        found = (along_x, along_weight, g.sum((0, 2, 3)) if wanted[2] else None)
        return tuple(tensor for tensor in found if tensor is not None)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: tuple) -> None:
        g, x, weight, ctx.wanted, ctx.geometry = inputs
        ctx.save_for_backward(g, x, weight)

    @staticmethod
    def backward(ctx: Any, *cotangents: Tensor) -> tuple:
        (g, x, weight), geometry, needed = ctx.saved_tensors, ctx.geometry, ctx.needs_input_grad
        u, v, of_bias = _at(ctx.wanted, cotangents)
        along_g = None
        if needed[0]:
            parts = [] if u is None else [Convolve.apply(u, weight, None, geometry)]
            parts += [] if v is None else [Convolve.apply(x, v, of_bias, geometry)]
            along_g = sum(parts[1:], start=parts[0])
        wanted = (needed[1] and v is not None, needed[2] and u is not None, False)
        if not any(wanted):
            return along_g, None, None, None, None
        found = PullBack.apply(g, x if u is None else u, weight if v is None else v, wanted, geometry)
        return along_g, *_at(wanted, found)[:2], None, None

    @staticmethod
    def vmap(info: Any, in_dims: tuple, *arguments: Any) -> tuple[tuple, tuple]:
        (g, x, weight, wanted, geometry), tasks = arguments, info.batch_size
        if wanted[0] and in_dims[2] is None:  # weights shared by all tasks, whose images are more images
            images = into_first(g, in_dims[0], tasks), into_first(x, in_dims[1], tasks)
            along_x = out_of(0, PullBack.apply(*images, weight, (True, False, False), geometry)[0], tasks)
            if not wanted[1]:
                return (along_x,), (0,)
            rest, axes = PullBack.vmap(info, in_dims, g, x, weight, (False, *wanted[1:]), geometry)
            return (along_x, *rest), (0, *axes)
        way = geometry.way(g)
        if way == "loop":
            return looped(PullBack, tasks, in_dims, arguments)
        if way == "matmul":
            g, x, weight = (leading(t, axis, tasks) for t, axis in zip((g, x, weight), in_dims[:3], strict=True))
            return patches.pull_back(g, x, weight, wanted, geometry), tuple(0 for asked in wanted if asked)
        g, x = into_channels(g, in_dims[0], tasks), into_channels(x, in_dims[1], tasks)
        weight = into_first(weight, in_dims[2], tasks)
        found = PullBack.apply(g, x, weight, wanted, geometry.for_tasks(tasks))
        out_dims = tuple(axis for axis, asked in zip((1, 0, 0), wanted, strict=True) if asked)
        return tuple(out_of(axis, part, tasks) for axis, part in zip(out_dims, found, strict=True)), out_dims


def _at(wanted: Wanted, tensors: tuple[Tensor, ...]) -> tuple[Tensor | None, ...]:
    """Each tensor at the place of what it is for, None at the others."""
    left = iter(tensors)
    return tuple(next(left) if asked else None for asked in wanted)
