"""Convolutions with weights for each task as products of matrices, tasks in a batch: plain differentiable functions.

The patches under the kernel are copied out side by side, so that one batched product does the work of all tasks, where
a convolution in groups may be slow. Everything has a leading axis of tasks: x [t, n, c, h, w], weight
[t, o, c / groups, kh, kw], g [t, n, o, oh, ow].
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from fewshot_bench.backbones.fused.geometry import Geometry, Pair


def convolve(x: Tensor, weight: Tensor, geometry: Geometry) -> Tensor:
    """-> [t, n, o, oh, ow]."""
    groups = geometry.groups
    patches = _patches(x, _kernel(weight), geometry)
    by_group = weight.unflatten(1, (groups, -1)).permute(
        0, 1, 4, 5, 3, 2
    )  # [t, groups, kh, kw, c / groups, o / groups]
    found = patches.flatten(2, 4).flatten(3) @ by_group.flatten(2, 4)
    return found.unflatten(2, patches.shape[2:5]).permute(0, 2, 1, 5, 3, 4).flatten(2, 3)


def pull_back(
    g: Tensor, x: Tensor, weight: Tensor, wanted: tuple[bool, bool, bool], geometry: Geometry
) -> tuple[Tensor, ...]:
    """What `convolve` is pulled back to along what is wanted of x, weight and a bias."""
    found = [to_input(g, weight, (x.shape[-2], x.shape[-1]), geometry)] if wanted[0] else []
    found += [to_weight(g, x, _kernel(weight), geometry)] if wanted[1] else []
    return (*found, g.sum((1, 3, 4))) if wanted[2] else tuple(found)


def to_input(g: Tensor, weight: Tensor, size: Pair, geometry: Geometry) -> Tensor:
    """-> [t, n, c, *size]: what `convolve` is pulled back to along x; size: x's height and width.

    A convolution of stride 1: of g with stride - 1 zeros between its pixels, by the kernel turned upside down.
    """
    kernel, (sh, sw) = _kernel(weight), geometry.stride
    over_h, over_w = geometry.left_over(size, (g.shape[-2], g.shape[-1]), kernel)
    around_h, around_w = (d * (k - 1) - p for d, k, p in zip(geometry.dilation, kernel, geometry.padding, strict=True))
    if (sh, sw) != (1, 1):
        g = F.pad(g[..., :, None, :, None], (0, sw - 1, 0, 0, 0, sh - 1)).flatten(-4, -3).flatten(-2, -1)
        over_h, over_w = over_h - (sh - 1), over_w - (sw - 1)  # zeros after the last pixel are there already
    g = F.pad(g, (around_w, around_w + over_w, around_h, around_h + over_h))
    turned = weight.flip(-2, -1).unflatten(1, (geometry.groups, -1)).transpose(2, 3).flatten(1, 2)
    return convolve(g, turned, Geometry((1, 1), (0, 0), geometry.dilation, geometry.groups, geometry.convolutions))


def to_weight(g: Tensor, x: Tensor, kernel: Pair, geometry: Geometry) -> Tensor:
    """-> [t, o, c / groups, *kernel]: what `convolve` is pulled back to along the weights."""
    patches = _patches(x, kernel, geometry)
    by_group = g.unflatten(2, (geometry.groups, -1)).permute(0, 2, 3, 1, 4, 5)  # [t, groups, o / groups, n, oh, ow]
    found = by_group.flatten(3) @ patches.flatten(2, 4).flatten(3)
    return found.unflatten(3, patches.shape[5:]).permute(0, 1, 2, 5, 3, 4).flatten(1, 2)


def _patches(x: Tensor, kernel: Pair, geometry: Geometry) -> Tensor:
    """-> [t, groups, n, oh, ow, kh, kw, c / groups]."""
    (kh, kw), (sh, sw), (ph, pw), (dh, dw) = kernel, geometry.stride, geometry.padding, geometry.dilation
    pixels = F.pad(x, (pw, pw, ph, ph)).movedim(2, -1)
    rows = pixels.shape[2] - dh * (kh - 1)  # places where a window may begin, before strides
    columns = pixels.shape[3] - dw * (kw - 1)
    places = [
        pixels[:, :, i * dh : i * dh + rows : sh, j * dw : j * dw + columns : sw] for i in range(kh) for j in range(kw)
    ]
    patches = torch.stack(places, -2).unflatten(-1, (geometry.groups, -1))
    return patches.movedim(-2, 1).unflatten(-2, kernel)


def _kernel(weight: Tensor) -> Pair:
    return weight.shape[-2], weight.shape[-1]
