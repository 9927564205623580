"""The gradient to weights as a product of matrices, on a CPU: faster where there are few pixels and many filters.

With 256 filters on 5 images of 2 x 2 pixels a convolution spends its time bringing the weights into an order of its own
and back; the product takes less than half of it.
"""

import torch.nn.functional as F
from torch import Tensor

from fewshot_bench.backbones.fused.geometry import Geometry


def hold_for(g: Tensor, geometry: Geometry) -> bool:
    """Whether to go this way. g: [n, o, oh, ow], the cotangent of a convolution's result."""
    count, filters, height, width = g.shape
    return g.device.type == "cpu" and geometry.groups == 1 and 4 * count * height * width <= filters


def to_weight(g: Tensor, x: Tensor, shape: tuple[int, ...], geometry: Geometry) -> Tensor:
    """-> [o, c, kh, kw], `shape`. g and x have the channels of a pixel side by side, and so has the result."""
    (sh, sw), (ph, pw), (dh, dw) = geometry.stride, geometry.padding, geometry.dilation
    (filters, channels, kh, kw), (count, _, oh, ow) = shape, g.shape
    pixels = F.pad(x.permute(0, 2, 3, 1), (0, 0, pw, pw, ph, ph)).contiguous()
    image, row, column, channel = pixels.stride()
    patches = pixels.as_strided(
        (count, oh, ow, kh, kw, channels), (image, sh * row, sw * column, dh * row, dw * column, channel)
    )
    found = g.permute(1, 0, 2, 3).reshape(filters, -1) @ patches.reshape(count * oh * ow, -1)
    return found.view(filters, kh, kw, channels).permute(0, 3, 1, 2)
