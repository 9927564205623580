"""The four-block convolutional network of the few-shot literature, as MAML++ has it."""

from collections import OrderedDict

from torch import nn

from fewshot_bench.basics.images import ImageShape


def vgg(image: ImageShape, ways: int, *, filters: int = 64, stages: int = 4) -> nn.Module:
    """`stages` x [3x3 convolution -> batch norm -> LeakyReLU(0.01) -> 2x2 max-pool] -> linear.

    filters: 64 in the fork for both datasets; MAML++'s own mini-ImageNet configurations have 48.
    Initial weights are PyTorch's, as in the fork (MAML++: Xavier uniform).
    """
    layers: dict[str, nn.Module] = {}
    channels = image.channels
    for stage in range(1, stages + 1):
        layers[f"conv{stage}"] = nn.Conv2d(channels, filters, kernel_size=3, padding=1)
        layers[f"norm{stage}"] = nn.BatchNorm2d(filters)
        layers[f"relu{stage}"] = nn.LeakyReLU(0.01)
        layers[f"pool{stage}"] = nn.MaxPool2d(2)
        channels = filters
    features = filters * (image.height >> stages) * (image.width >> stages)
    layers |= {"flatten": nn.Flatten(), "head": nn.Linear(features, ways)}
    return nn.Sequential(OrderedDict(layers))
