"""Max-pooling whose derivatives of every order are a gather and a scatter by the places of the maxima."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import Function

from fewshot_bench.backbones.fused.batching import into_first, out_of
from fewshot_bench.backbones.fused.geometry import Pair, pair
from fewshot_bench.backbones.fused.layout import arranged

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

    return_indices: all by torch, whose second derivatives are slower.
    """
    if return_indices or x.dim() not in (3, 4) or not x.is_floating_point():
        instead: Any = F.max_pool2d
        return instead(x, kernel_size, stride, padding, dilation, ceil_mode, return_indices)
    kernel = pair(kernel_size)
    windows = (kernel, pair(stride or kernel), pair(padding), pair(dilation), ceil_mode)
    return Pool.apply(x, windows)[0] if x.dim() == 4 else Pool.apply(x[None], windows)[0][0]


class Pool(Function):
    """x [n, c, h, w] -> maxima [n, c, oh, ow], and where they are in h * w, int64, which have no derivative."""

    @staticmethod
    def forward(x: Tensor, windows: Windows) -> tuple[Tensor, Tensor]:
        return torch.ops.aten.max_pool2d_with_indices(arranged(x), *windows)

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
        return None if g is None else Scatter.apply(g, *ctx.saved_tensors, ctx.size, ctx.windows), None

    @staticmethod
    def vmap(info: Any, in_dims: tuple, x: Tensor, windows: Windows) -> tuple[tuple, tuple]:
        found = Pool.apply(into_first(x, in_dims[0], info.batch_size), windows)
        return tuple(out_of(0, part, info.batch_size) for part in found), (0, 0)


class Scatter(Function):
    """(g, places [n, c, oh, ow]) -> [n, c, *size], each number of g added where its maximum was."""

    @staticmethod
    def forward(g: Tensor, places: Tensor, size: Pair, windows: Windows) -> Tensor:
        g = arranged(g)
        last = g.is_contiguous(memory_format=torch.channels_last)
        shape_alone = torch.empty(
            (*g.shape[:2], *size),
            dtype=g.dtype,
            device=g.device,
            memory_format=torch.channels_last if last else torch.contiguous_format,
        )
        return torch.ops.aten.max_pool2d_with_indices_backward(g, shape_alone, *windows, places)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: Tensor) -> None:
        _, places, ctx.size, ctx.windows = inputs
        ctx.save_for_backward(places)

    @staticmethod
    def backward(ctx: Any, u: Tensor) -> tuple:
        return Gather.apply(u, *ctx.saved_tensors, ctx.windows), None, None, None

    @staticmethod
    def vmap(info: Any, in_dims: tuple, *arguments: Any) -> tuple[Tensor, int]:
        (g, places, size, windows), tasks = arguments, info.batch_size
        g, places = into_first(g, in_dims[0], tasks), into_first(places, in_dims[1], tasks)
        return out_of(0, Scatter.apply(g, places, size, windows), tasks), 0


class Gather(Function):
    """(u [n, c, h, w], places [n, c, oh, ow]) -> the numbers of u there."""

    @staticmethod
    def forward(u: Tensor, places: Tensor, windows: Windows) -> Tensor:
        u = arranged(u)
        if not u.is_contiguous(memory_format=torch.channels_last):
            return u.flatten(2).gather(2, places.flatten(2)).view(places.shape)
        pixels, wanted = u.permute(0, 2, 3, 1).flatten(1, 2), places.permute(0, 2, 3, 1)
        return pixels.gather(1, wanted.flatten(1, 2)).view(wanted.shape).permute(0, 3, 1, 2)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: Tensor) -> None:
        u, places, ctx.windows = inputs
        ctx.save_for_backward(places)
        ctx.size = tuple(u.shape[2:])

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple:
        return Scatter.apply(g, *ctx.saved_tensors, ctx.size, ctx.windows), None, None

    @staticmethod
    def vmap(info: Any, in_dims: tuple, *arguments: Any) -> tuple[Tensor, int]:
        (u, places, windows), tasks = arguments, info.batch_size
        u, places = into_first(u, in_dims[0], tasks), into_first(places, in_dims[1], tasks)
        return out_of(0, Gather.apply(u, places, windows), tasks), 0
