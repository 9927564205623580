"""Convolution in two dimensions whose derivatives of every order are convolutions of the same size.

A convolution, its gradient to the input and its gradient to the weights are three maps, each linear in both of its
tensors, and the derivatives of each are the other two. torch's own second derivative is a convolution with a kernel as
large as the image instead, up to 15 times slower on a CPU.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import Function

from fewshot_bench.backbones.fused import patches
from fewshot_bench.backbones.fused.batching import into_channels, into_first, leading, looped, out_of
from fewshot_bench.backbones.fused.geometry import Convolutions, Geometry, Pair, pair
from fewshot_bench.backbones.fused.layout import arranged


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
        return _convolution(x, weight, bias, geometry)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: Tensor) -> None:
        x, weight, bias, ctx.geometry = inputs
        ctx.save_for_backward(x, weight)
        ctx.size, ctx.biased = tuple(x.shape[2:]), bias is not None

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple:
        (x, weight), geometry = ctx.saved_tensors, ctx.geometry
        along_x = ToInput.apply(g, weight, ctx.size, geometry) if ctx.needs_input_grad[0] else None
        along_weight = along_bias = None
        if ctx.needs_input_grad[1] or ctx.needs_input_grad[2]:
            found = ToWeight.apply(g, x, weight, ctx.biased, geometry)
            along_weight, along_bias = found if ctx.biased else (found, None)
        return along_x, along_weight, along_bias, None

    @staticmethod
    def vmap(info: Any, in_dims: tuple, *arguments: Any) -> tuple[Tensor, int]:
        (x, weight, bias, geometry), tasks = arguments, info.batch_size
        if in_dims[1] is None and in_dims[2] is None:
            return out_of(0, Convolve.apply(into_first(x, in_dims[0], tasks), weight, bias, geometry), tasks), 0
        if geometry.way(x) == "loop":
            return looped(Convolve, tasks, in_dims, arguments)
        if geometry.way(x) == "matmul":
            x, weight = leading(x, in_dims[0], tasks), leading(weight, in_dims[1], tasks)
            y = patches.convolve(x, weight, geometry)
            return y if bias is None else y + leading(bias, in_dims[2], tasks)[:, None, :, None, None], 0
        bias = None if bias is None else into_first(bias, in_dims[2], tasks)
        x, weight = into_channels(x, in_dims[0], tasks), into_first(weight, in_dims[1], tasks)
        return out_of(1, Convolve.apply(x, weight, bias, geometry.for_tasks(tasks)), tasks), 1


class ToInput(Function):
    """(g [n, o, oh, ow], weight) -> [n, c, *size]: what `Convolve` is pulled back to along x."""

    @staticmethod
    def forward(g: Tensor, weight: Tensor, size: Pair, geometry: Geometry) -> Tensor:
        (height, width), (kh, kw) = g.shape[2:], weight.shape[2:]
        return _convolution(g, weight, None, geometry, geometry.left_over(size, (height, width), (kh, kw)))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: Tensor) -> None:
        g, weight, _, ctx.geometry = inputs
        ctx.save_for_backward(g, weight)

    @staticmethod
    def backward(ctx: Any, u: Tensor) -> tuple:
        (g, weight), geometry = ctx.saved_tensors, ctx.geometry
        along_g = Convolve.apply(u, weight, None, geometry) if ctx.needs_input_grad[0] else None
        along_weight = ToWeight.apply(g, u, weight, False, geometry) if ctx.needs_input_grad[1] else None
        return along_g, along_weight, None, None

    @staticmethod
    def vmap(info: Any, in_dims: tuple, *arguments: Any) -> tuple[Tensor, int]:
        (g, weight, size, geometry), tasks = arguments, info.batch_size
        if in_dims[1] is None:
            return out_of(0, ToInput.apply(into_first(g, in_dims[0], tasks), weight, size, geometry), tasks), 0
        if geometry.way(g) == "loop":
            return looped(ToInput, tasks, in_dims, arguments)
        if geometry.way(g) == "matmul":
            g, weight = leading(g, in_dims[0], tasks), leading(weight, in_dims[1], tasks)
            return patches.to_input(g, weight, size, geometry), 0
        g, weight = into_channels(g, in_dims[0], tasks), into_first(weight, in_dims[1], tasks)
        return out_of(1, ToInput.apply(g, weight, size, geometry.for_tasks(tasks)), tasks), 1


class ToWeight(Function):
    """(g, x, like, biased) -> what `Convolve` is pulled back to along the weights; biased: and along the bias.

    like: any tensor of the weights' shape and layout; its values are not looked at.
    """

    @staticmethod
    def forward(g: Tensor, x: Tensor, like: Tensor, biased: bool, geometry: Geometry) -> Tensor | tuple[Tensor, Tensor]:
        g, kind = arranged(g), (geometry.stride, geometry.padding, geometry.dilation)
        found = torch.ops.aten.convolution_backward(
            g, arranged(x), arranged(like), None, *kind, False, (0, 0), geometry.groups, (False, True, False)
        )[1]
        return (found, g.sum((0, 2, 3))) if biased else found

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: Any) -> None:
        g, x, _, ctx.biased, ctx.geometry = inputs
        ctx.save_for_backward(g, x)
        ctx.size = tuple(x.shape[2:])

    @staticmethod
    def backward(ctx: Any, v: Tensor, of_bias: Tensor | None = None) -> tuple:
        (g, x), geometry = ctx.saved_tensors, ctx.geometry
        along_g = Convolve.apply(x, v, of_bias, geometry) if ctx.needs_input_grad[0] else None
        along_x = ToInput.apply(g, v, ctx.size, geometry) if ctx.needs_input_grad[1] else None
        return along_g, along_x, None, None, None

    @staticmethod
    def vmap(info: Any, in_dims: tuple, *arguments: Any) -> tuple[Any, Any]:
        (g, x, like, biased, geometry), tasks = arguments, info.batch_size
        if geometry.way(g) == "loop":
            return looped(ToWeight, tasks, in_dims, arguments)
        if geometry.way(g) == "matmul":
            g, x = leading(g, in_dims[0], tasks), leading(x, in_dims[1], tasks)
            shape = leading(like, in_dims[2], tasks).shape
            found = patches.to_weight(g, x, (shape[-2], shape[-1]), geometry)
            return ((found, g.sum((1, 3, 4))), (0, 0)) if biased else (found, 0)
        g, x = into_channels(g, in_dims[0], tasks), into_channels(x, in_dims[1], tasks)
        like = into_first(like, in_dims[2], tasks)
        found = ToWeight.apply(g, x, like, biased, geometry.for_tasks(tasks))
        if biased:
            return tuple(out_of(0, part, tasks) for part in found), (0, 0)
        return out_of(0, found, tasks), 0


def _convolution(
    x: Tensor, weight: Tensor, bias: Tensor | None, geometry: Geometry, transposed: Pair | None = None
) -> Tensor:
    """transposed: what is left over at the ends of the images that come out; None: no transposed convolution."""
    kind = (geometry.stride, geometry.padding, geometry.dilation)
    return torch.ops.aten.convolution(
        arranged(x), arranged(weight), bias, *kind, transposed is not None, transposed or (0, 0), geometry.groups
    )
