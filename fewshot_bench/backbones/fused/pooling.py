"""Pooling for traced programs: max-pooling, and average pooling to one number a channel.

The derivatives of max-pooling, of every order, gather or scatter numbers at the indices of the maxima.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import Function

from fewshot_bench.backbones.fused.geometry import Pair, pair
from fewshot_bench.backbones.fused.layout import in_fast_order, into_first, split_tasks

Windows = tuple[Pair, Pair, Pair, Pair, bool]
"""kernel, stride, padding, dilation, ceil_mode"""


def max_pool2d(
    x: Tensor,
    kernel_size: int | Pair,
    stride: int | Pair | None = None,
    padding: int | Pair = 0,
    dilation: int | Pair = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """torch.nn.functional.max_pool2d; the first of equal numbers is the maximum. x: [n, c, h, w] or [c, h, w].

    return_indices: if true, torch computes all, and second derivatives are slower.
    """
    if return_indices or x.dim() not in (3, 4) or not x.is_floating_point():
        instead: Any = F.max_pool2d
        return instead(x, kernel_size, stride, padding, dilation, ceil_mode, return_indices)
    kernel = pair(kernel_size)
    windows = (kernel, pair(stride or kernel), pair(padding), pair(dilation), ceil_mode)
    return PoolMaxima.apply(x, windows)[0] if x.dim() == 4 else PoolMaxima.apply(x[None], windows)[0][0]


class PoolMaxima(Function):
    """x [n, c, h, w] -> maxima [n, c, oh, ow] and their indices in h * w (int64, without derivative)."""

    @staticmethod
    def forward(x: Tensor, windows: Windows) -> tuple[Tensor, Tensor]:
        return torch.ops.aten.max_pool2d_with_indices(in_fast_order(x), *windows)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: tuple) -> None:
        x, ctx.windows = inputs
        _, places = output
        ctx.mark_non_differentiable(places)
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(places)
        ctx.size = tuple(x.shape[2:])

    @staticmethod
    def backward(ctx: Any, g: Tensor | None, _: None) -> tuple[Tensor | None, None]:
        return None if g is None else ScatterMaxima.apply(g, *ctx.saved_tensors, ctx.size, ctx.windows), None

    @staticmethod
    def vmap(info: Any, in_dims: tuple, x: Tensor, windows: Windows) -> tuple[tuple, tuple]:
        results = PoolMaxima.apply(into_first(x, in_dims[0], info.batch_size), windows)
        return tuple(split_tasks(0, part, info.batch_size) for part in results), (0, 0)


class ScatterMaxima(Function):
    """(g, places [n, c, oh, ow]) -> [n, c, *size]: each number of g is added at the index of its maximum."""

    @staticmethod
    def forward(g: Tensor, places: Tensor, size: Pair, windows: Windows) -> Tensor:
        g = in_fast_order(g)
        channels_last = g.is_contiguous(memory_format=torch.channels_last)
        shape_alone = torch.empty(
            (*g.shape[:2], *size),
            dtype=g.dtype,
            device=g.device,
            memory_format=torch.channels_last if channels_last else torch.contiguous_format,
        )
        return torch.ops.aten.max_pool2d_with_indices_backward(g, shape_alone, *windows, places)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: Tensor) -> None:
        _, places, ctx.size, ctx.windows = inputs
        ctx.save_for_backward(places)

    @staticmethod
    def backward(ctx: Any, u: Tensor) -> tuple:
        return GatherMaxima.apply(u, *ctx.saved_tensors, ctx.windows), None, None, None

    @staticmethod
    def vmap(info: Any, in_dims: tuple, *arguments: Any) -> tuple[Tensor, int]:
        (g, places, size, windows), tasks = arguments, info.batch_size
        g, places = into_first(g, in_dims[0], tasks), into_first(places, in_dims[1], tasks)
        return split_tasks(0, ScatterMaxima.apply(g, places, size, windows), tasks), 0


class GatherMaxima(Function):
    """(u [n, c, h, w], places [n, c, oh, ow]) -> the numbers of u at these indices."""

    @staticmethod
    def forward(u: Tensor, places: Tensor, windows: Windows) -> Tensor:
        u = in_fast_order(u)
        if not u.is_contiguous(memory_format=torch.channels_last):
            return u.flatten(2).gather(2, places.flatten(2)).view(places.shape)
        pixels, targets = u.permute(0, 2, 3, 1).flatten(1, 2), places.permute(0, 2, 3, 1)
        return pixels.gather(1, targets.flatten(1, 2)).view(targets.shape).permute(0, 3, 1, 2)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: Tensor) -> None:
        u, places, ctx.windows = inputs
        ctx.save_for_backward(places)
        ctx.size = tuple(u.shape[2:])

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple:
        return ScatterMaxima.apply(g, *ctx.saved_tensors, ctx.size, ctx.windows), None, None

    @staticmethod
    def vmap(info: Any, in_dims: tuple, *arguments: Any) -> tuple[Tensor, int]:
        (u, places, windows), tasks = arguments, info.batch_size
        u, places = into_first(u, in_dims[0], tasks), into_first(places, in_dims[1], tasks)
        return split_tasks(0, GatherMaxima.apply(u, places, windows), tasks), 0


def adaptive_avg_pool2d(x: Tensor, output_size: Any) -> Tensor:
    """torch.nn.functional.adaptive_avg_pool2d. x: [..., c, h, w]; result: [..., c, *output_size].

    Output of one pixel is a mean: for channels-last images, torch changes strides in place, which `vmap` cannot batch.
    """
    if output_size in (1, (1, 1), [1, 1]):
        return x.mean((-2, -1), keepdim=True)
    return F.adaptive_avg_pool2d(x, output_size)
