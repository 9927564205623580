"""The networks of a grid: ordinary torch modules, made by functions (image, ways) -> module."""

from collections.abc import Callable
from functools import partial

from torch import nn

from fewshot_bench.backbones.densenet import densenet
from fewshot_bench.backbones.resnet import resnet
from fewshot_bench.backbones.vgg import vgg

BACKBONES: dict[str, Callable[..., nn.Module]] = {
    "vgg": vgg,
    "resnet-4": partial(resnet, blocks=(1, 1, 1, 1)),
    "resnet-8": partial(resnet, blocks=(2, 2, 2, 2)),
    "resnet-12": partial(resnet, blocks=(3, 3, 3, 3)),
    "densenet-8": partial(densenet, layers=(2, 2, 2, 2)),
}
"""Name in a grid -> function (image: ImageShape, ways: int, *, options) -> nn.Module; logits are [n, ways]."""
