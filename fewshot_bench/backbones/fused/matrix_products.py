"""Convolutions as products of matrices, for two cases in which a convolution is slow.

Few pixels on a CPU: with 256 filters on 5 images of 2 x 2 pixels, a convolution spends its time reordering the weights.
The product for the weights' gradient takes less than half as long. All tensors are channels-last.

Weights for each task: the patches under the kernel are copied out, and one batched product computes all tasks. These
functions are differentiable. Every tensor has a task_axis_first axis of tasks: x [t, n, c, h, w], weight
[t, o, c / groups, kh, kw], g [t, n, o, oh, ow].
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from fewshot_bench.backbones.fused.geometry import Geometry, Pair


def few_pixels(pixels: int, filters: int, x: Tensor, geometry: Geometry) -> bool:
    """Whether a convolution has few pixels and many filters. pixels: of all output images."""
    return x.device.type == "cpu" and geometry.groups == 1 and 4 * pixels <= filters


def convolve_few_pixels(x: Tensor, weight: Tensor, bias: Tensor | None, out: Pair, geometry: Geometry) -> Tensor:
    """The convolution of x [n, c, h, w] with weight [o, c, kh, kw]; result: [n, o, *out]."""
    rows = _image_patches(x, (weight.shape[2], weight.shape[3]), out, geometry)
    product = F.linear(rows, weight.permute(0, 2, 3, 1).reshape(weight.shape[0], -1), bias)
    return product.view(x.shape[0], *out, -1).permute(0, 3, 1, 2)


def weight_gradient_few_pixels(g: Tensor, x: Tensor, shape: tuple[int, ...], geometry: Geometry) -> Tensor:
    """The gradient for the weights, [o, c, kh, kw]. g: [n, o, oh, ow]; shape: of the weights."""
    filters, channels, *kernel = shape
    rows = _image_patches(x, (kernel[0], kernel[1]), (g.shape[2], g.shape[3]), geometry)
    product = g.permute(1, 0, 2, 3).reshape(filters, -1) @ rows
    return product.view(filters, *kernel, channels).permute(0, 3, 1, 2)


def _image_patches(x: Tensor, kernel: Pair, out: Pair, geometry: Geometry) -> Tensor:
    """The patches under the kernel, [n * oh * ow, kh * kw * c]."""
    (sh, sw), (ph, pw), (dh, dw) = geometry.stride, geometry.padding, geometry.dilation
    pixels = F.pad(x.permute(0, 2, 3, 1), (0, 0, pw, pw, ph, ph)).contiguous()
    image, row, column, channel = pixels.stride()
    strides = (image, sh * row, sw * column, dh * row, dw * column, channel)
    windows = pixels.as_strided((len(x), *out, *kernel, x.shape[1]), strides)
    return windows.reshape(len(x) * out[0] * out[1], -1)


def convolve_tasks(x: Tensor, weight: Tensor, geometry: Geometry) -> Tensor:
    """The convolutions of all tasks, [t, n, o, oh, ow]."""
    groups = geometry.groups
    patches = _task_patches(x, _kernel(weight), geometry)
    # [t, groups, kh, kw, c / groups, o / groups]
    by_group = weight.unflatten(1, (groups, -1)).permute(0, 1, 4, 5, 3, 2)
    product = patches.flatten(2, 4).flatten(3) @ by_group.flatten(2, 4)
    return product.unflatten(2, patches.shape[2:5]).permute(0, 2, 1, 5, 3, 4).flatten(2, 3)


def task_gradients(
    g: Tensor, x: Tensor, weight: Tensor, targets: tuple[bool, bool, bool], geometry: Geometry
) -> tuple[Tensor, ...]:
    """The gradients of `convolve_tasks` for the targets among x, weight and bias."""
    gradients = [task_input_gradient(g, weight, (x.shape[-2], x.shape[-1]), geometry)] if targets[0] else []
    gradients += [task_weight_gradient(g, x, _kernel(weight), geometry)] if targets[1] else []
    return (*gradients, g.sum((1, 3, 4))) if targets[2] else tuple(gradients)


def task_input_gradient(g: Tensor, weight: Tensor, size: Pair, geometry: Geometry) -> Tensor:
    """The gradient of `convolve_tasks` for x, [t, n, c, *size]. size: x's height and width.

    It is a convolution of stride 1 with the flipped kernel, of g with stride - 1 zeros between its pixels.
    """
    kernel, (sh, sw) = _kernel(weight), geometry.stride
    over_h, over_w = geometry.left_over(size, (g.shape[-2], g.shape[-1]), kernel)
    around_h, around_w = (d * (k - 1) - p for d, k, p in zip(geometry.dilation, kernel, geometry.padding, strict=True))
    if (sh, sw) != (1, 1):
        g = F.pad(g[..., :, None, :, None], (0, sw - 1, 0, 0, 0, sh - 1)).flatten(-4, -3).flatten(-2, -1)
        over_h, over_w = over_h - (sh - 1), over_w - (sw - 1)  # zeros after the last pixel are there already
    g = F.pad(g, (around_w, around_w + over_w, around_h, around_h + over_h))
    turned = weight.flip(-2, -1).unflatten(1, (geometry.groups, -1)).transpose(2, 3).flatten(1, 2)
    return convolve_tasks(
        g, turned, Geometry((1, 1), (0, 0), geometry.dilation, geometry.groups, geometry.convolutions)
    )


def task_weight_gradient(g: Tensor, x: Tensor, kernel: Pair, geometry: Geometry) -> Tensor:
    """The gradient of `convolve_tasks` for the weights, [t, o, c / groups, *kernel]."""
    patches = _task_patches(x, kernel, geometry)
    by_group = g.unflatten(2, (geometry.groups, -1)).permute(0, 2, 3, 1, 4, 5)  # [t, groups, o / groups, n, oh, ow]
    product = by_group.flatten(3) @ patches.flatten(2, 4).flatten(3)
    return product.unflatten(3, patches.shape[5:]).permute(0, 1, 2, 5, 3, 4).flatten(1, 2)


def _task_patches(x: Tensor, kernel: Pair, geometry: Geometry) -> Tensor:
    """The patches under the kernel, [t, groups, n, oh, ow, kh, kw, c / groups]."""
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
