"""Augmentation of training images as Chen et al. 2019 have it: random crops, colour jitter and flips.

Source: wyharveychen/CloserLookFewShot, data/datamgr.py (TransformLoader with aug=True) and
data/additional_transforms.py: RandomSizedCrop, ImageJitter of brightness, contrast and colour by 0.4 each, and
RandomHorizontalFlip. All numbers come from the key of the task stream, the task and the image, so a resumed run has the
same images.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from fewshot_bench.basics.seeds import seed_for, uniform

SCALE = (0.08, 1.0)  # share of the area that a crop keeps (torchvision's RandomResizedCrop)
RATIO = (3 / 4, 4 / 3)  # width to height of a crop
JITTER = 0.4  # brightness, contrast and colour are scaled by 1 +- this
_GREY = (0.299, 0.587, 0.114)  # weights of red, green and blue in grey (ITU-R 601, as Pillow's "L")
_NUMBERS = 8  # random numbers of an image
_IMAGES = np.uint64(1 << 12)  # images of a task, at most


def numbers(key: str, indices: NDArray[np.int64], images: int) -> NDArray[np.float64]:
    """The random numbers in [0, 1) of the images of tasks: [tasks, images, 8]. key: of the stream."""
    tasks = indices.astype(np.uint64) * (_IMAGES * np.uint64(_NUMBERS))
    counters = np.add.outer(tasks, np.arange(images * _NUMBERS, dtype=np.uint64))
    drawn = uniform(seed_for(key, "augmentation"), counters)
    return drawn.reshape(len(indices), images, _NUMBERS)


def augmented(images: Tensor, drawn: Tensor) -> Tensor:
    """Images [n, c, h, w] in [0, 1] -> as many, cropped and resized back, jittered, and flipped.

    drawn: [n, 8] in [0, 1). Where the code draws a crop again if it does not fit, its sides are cut to the image here.
    """
    return flipped(jittered(cropped(images, drawn[:, :4]), drawn[:, 4:7]), drawn[:, 7])


def cropped(images: Tensor, drawn: Tensor) -> Tensor:
    """A random part of each image, resized to the whole by bilinear interpolation. drawn: [n, 4]."""
    area = SCALE[0] + (SCALE[1] - SCALE[0]) * drawn[:, 0]
    ratio = torch.exp(math.log(RATIO[0]) + math.log(RATIO[1] / RATIO[0]) * drawn[:, 1])
    width, height = (area * ratio).sqrt().clamp(max=1), (area / ratio).sqrt().clamp(max=1)
    x, y = (2 * drawn[:, 2] - 1) * (1 - width), (2 * drawn[:, 3] - 1) * (1 - height)
    zero = torch.zeros_like(x)
    rows = torch.stack([torch.stack([width, zero, x], -1), torch.stack([zero, height, y], -1)], -2)
    grid = F.affine_grid(rows.to(images.dtype), list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode="border", align_corners=False)


def jittered(images: Tensor, drawn: Tensor) -> Tensor:
    """Brightness, contrast and colour of each image scaled, in this order, each cut to [0, 1]. drawn: [n, 3]."""
    by = (1 + JITTER * (2 * drawn - 1)).to(images.dtype)[:, :, None, None, None]
    images = (images * by[:, 0]).clamp(0, 1)
    mean = _grey(images).mean((-3, -2, -1), keepdim=True)
    images = (mean + (images - mean) * by[:, 1]).clamp(0, 1)
    grey = _grey(images)
    return (grey + (images - grey) * by[:, 2]).clamp(0, 1)


def flipped(images: Tensor, drawn: Tensor) -> Tensor:
    """Half of the images, mirrored. drawn: [n]."""
    return torch.where((drawn < 0.5)[:, None, None, None], images.flip(-1), images)


def _grey(images: Tensor) -> Tensor:
    """[n, 1, h, w]."""
    if images.shape[1] != len(_GREY):
        return images.mean(1, keepdim=True)
    return (images * images.new_tensor(_GREY)[:, None, None]).sum(1, keepdim=True)
