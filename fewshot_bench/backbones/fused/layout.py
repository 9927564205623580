"""Where the numbers of an image lie in memory: on a CPU the channels of a pixel side by side.

Convolutions of few pixels are up to twice as fast so there, and max-pooling twenty times. On other devices tensors stay
as they are.
"""

import torch
from torch import Tensor


def arranged(tensor: Tensor) -> Tensor:
    """The same images or weights, [n, channels, height, width], in the order that is fast on their device.

    Tensors of other numbers of axes are given back as they are.
    """
    return channels_last(tensor) if tensor.dim() == 4 and tensor.device.type == "cpu" else tensor


def channels_last(tensor: Tensor) -> Tensor:
    """[n, channels, height, width] with strides as of [n, height, width, channels]; the same tensor where it has them.

    One channel fits both orders, and torch takes it for the other one unless the strides leave no doubt.
    """
    count, channels, height, width = tensor.shape
    if channels != 1:
        return tensor.contiguous(memory_format=torch.channels_last)
    if tensor.stride() == (height * width, 1, width, 1):
        return tensor
    return tensor.contiguous().view(count, height, width, 1).permute(0, 3, 1, 2)
