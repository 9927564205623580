"""Networks that take milliseconds, for the benchmarks' smallest settings."""

from torch import nn

from fewshot_bench.basics.images import ImageShape


def tiny(image: ImageShape, ways: int) -> nn.Module:
    """One block of the VGG with 3 filters on 7x7 pixels.

    Without bias before the norm: its gradient is zero but for rounding, which Adam would blow up to full steps.
    """
    return _around([nn.BatchNorm2d(3)], image, ways)


def without_norm(image: ImageShape, ways: int) -> nn.Module:
    return _around([], image, ways)


def _around(norm: list[nn.Module], image: ImageShape, ways: int) -> nn.Module:
    convolution = nn.Conv2d(image.channels, 3, 3, padding=1, bias=False)
    layers = [nn.AvgPool2d(4), convolution, *norm, nn.LeakyReLU(0.01), nn.MaxPool2d(3), nn.Flatten()]
    return nn.Sequential(*layers, nn.Linear(12, ways))
