"""A convolution as a product of matrices, on a CPU: faster where there are few pixels and many filters.

With 256 filters on 5 images of 2 x 2 pixels a convolution spends its time bringing the weights into an order of its own
and back; to the weights' gradient the product takes less than half of it. Tensors have the channels of a pixel side by
side, those given and those that come out.
"""

import torch.nn.functional as F
from torch import Tensor

from fewshot_bench.backbones.fused.geometry import Geometry, Pair


def hold_for(pixels: int, filters: int, x: Tensor, geometry: Geometry) -> bool:
    """Whether to go this way. pixels: of all images that come out."""
    return x.device.type == "cpu" and geometry.groups == 1 and 4 * pixels <= filters


def convolve(x: Tensor, weight: Tensor, bias: Tensor | None, out: Pair, geometry: Geometry) -> Tensor:
    """x [n, c, h, w], weight [o, c, kh, kw] -> [n, o, *out]."""
    rows = _patches(x, (weight.shape[2], weight.shape[3]), out, geometry)
    found = F.linear(rows, weight.permute(0, 2, 3, 1).reshape(weight.shape[0], -1), bias)
    return found.view(x.shape[0], *out, -1).permute(0, 3, 1, 2)


def to_weight(g: Tensor, x: Tensor, shape: tuple[int, ...], geometry: Geometry) -> Tensor:
    """g [n, o, oh, ow], x -> [o, c, kh, kw], `shape`."""
    filters, channels, *kernel = shape
    rows = _patches(x, (kernel[0], kernel[1]), (g.shape[2], g.shape[3]), geometry)
    found = g.permute(1, 0, 2, 3).reshape(filters, -1) @ rows
    return found.view(filters, *kernel, channels).permute(0, 3, 1, 2)


def _patches(x: Tensor, kernel: Pair, out: Pair, geometry: Geometry) -> Tensor:
    """What is under the kernel. -> [n * oh * ow, kh * kw * c]."""
    (sh, sw), (ph, pw), (dh, dw) = geometry.stride, geometry.padding, geometry.dilation
    pixels = F.pad(x.permute(0, 2, 3, 1), (0, 0, pw, pw, ph, ph)).contiguous()
    image, row, column, channel = pixels.stride()
    strides = (image, sh * row, sw * column, dh * row, dw * column, channel)
    windows = pixels.as_strided((len(x), *out, *kernel, x.shape[1]), strides)
    return windows.reshape(len(x) * out[0] * out[1], -1)
