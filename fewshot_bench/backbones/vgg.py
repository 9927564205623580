"""The convolutional network of four blocks that is usual in few-shot learning, in MAML++'s and in earlier versions."""

from collections import OrderedDict
from typing import Literal

from torch import nn

from fewshot_bench.basics.images import ImageShape


def vgg(
    image: ImageShape,
    ways: int,
    *,
    filters: int = 64,
    stages: int = 4,
    downsample: Literal["pool", "stride"] = "pool",
    slope: float = 0.01,
    average: bool = False,
) -> nn.Module:
    """`stages` x [3x3 convolution -> batch norm -> LeakyReLU(slope) -> 2x2 max-pool] -> linear.

    filters: 64 in the fork for both datasets; MAML++'s own mini-ImageNet configurations have 48, MAML, iMAML and
    Reptile 32 there (cbfinn/maml main.py).
    downsample: "stride" halves by the convolution, rounding up, and has no pool: Omniglot in cbfinn/maml (utils.py,
    conv_block), imaml_dev (learner_model.py) and supervised-reptile (models.py). 28 pixels become 14, 7, 4, 2. They pad
    at other edges (TensorFlow's "SAME" at the right and the bottom alone; imaml_dev once more before the third).
    slope: 0.01 in MAML++ (torch's default); 0.0 is ReLU, in all the others.
    average: the linear layer sees the mean over positions, `filters` features: Omniglot in cbfinn/maml (maml.py,
    forward_conv); the others flatten.
    Initial weights are PyTorch's, as in the fork (MAML++, MAML: Xavier uniform).
    """
    stride = 2 if downsample == "stride" else 1
    layers: dict[str, nn.Module] = {}
    channels, height, width = image
    for stage in range(1, stages + 1):
        layers[f"conv{stage}"] = nn.Conv2d(channels, filters, kernel_size=3, stride=stride, padding=1)
        layers[f"norm{stage}"] = nn.BatchNorm2d(filters)
        layers[f"relu{stage}"] = nn.LeakyReLU(slope)
        if downsample == "pool":
            layers[f"pool{stage}"] = nn.MaxPool2d(2)
        channels, height, width = filters, (height + stride - 1) // 2, (width + stride - 1) // 2
    if average:
        layers["mean"] = nn.AdaptiveAvgPool2d(1)
        height = width = 1
    layers |= {"flatten": nn.Flatten(), "head": nn.Linear(filters * height * width, ways)}
    return nn.Sequential(OrderedDict(layers))
