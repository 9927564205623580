"""The DenseNet-BC of Grefenstette et al. 2019: growth 8, no stem, and a hundredth of the ResNets' weights."""

from collections import OrderedDict

import torch
from torch import Tensor, nn

from fewshot_bench.basics.images import ImageShape


def densenet(
    image: ImageShape, ways: int, *, layers: tuple[int, ...], growth: int = 8, bottleneck: int = 2
) -> nn.Module:
    """Dense blocks (Huang et al. 2017) with a transition after each but the last, then norm, mean and linear.

    A transition halves channels, height and width.

    Args:
        image: Shape of an image.
        ways: Classes of a task.
        layers: Dense layers in each block, (2, 2, 2, 2) in densenet-8.
        growth: Channels that a layer adds.
        bottleneck: Width of the 1x1 convolution, in multiples of `growth` (the fork's bn_size).
    """
    parts: dict[str, nn.Module] = {}
    channels = image.channels
    for block, count in enumerate(layers, start=1):
        for layer in range(1, count + 1):
            parts[f"block{block}_layer{layer}"] = DenseLayer(channels, growth, bottleneck)
            channels += growth
        if block < len(layers):
            parts[f"transition{block}"] = transition(channels, channels // 2)
            channels //= 2
    head = nn.Linear(channels, ways)
    parts |= {"norm": nn.BatchNorm2d(channels), "relu": nn.ReLU(), "mean": nn.AdaptiveAvgPool2d(1)}
    network = nn.Sequential(OrderedDict(parts | {"flatten": nn.Flatten(), "head": head}))
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
    nn.init.zeros_(head.bias)
    return network


def transition(channels: int, width: int) -> nn.Module:
    """A 1x1 convolution to `width` channels, then pooling to half the height and width."""
    halve = nn.Conv2d(channels, width, kernel_size=1, bias=False)
    return nn.Sequential(OrderedDict(norm=nn.BatchNorm2d(channels), relu=nn.ReLU(), conv=halve, pool=nn.AvgPool2d(2)))


class DenseLayer(nn.Module):
    """x -> [x, conv3x3(relu(norm(conv1x1(relu(norm(x))))))]."""

    def __init__(self, channels: int, growth: int, bottleneck: int) -> None:
        super().__init__()
        width = bottleneck * growth
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv1 = nn.Conv2d(channels, width, kernel_size=1, bias=False)
        self.norm2 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, growth, kernel_size=3, padding=1, bias=False)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        new = self.conv2(self.relu(self.norm2(self.conv1(self.relu(self.norm1(x))))))
        return torch.cat([x, new], dim=1)
