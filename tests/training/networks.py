"""A network without idle directions.

A bias before batch norm has a gradient of zero: Adam makes steps of its rounding noise, which differs by layout.
"""

from torch import nn


def small(image, ways):
    """One block of four filters and a head."""
    return nn.Sequential(
        nn.Conv2d(image.channels, 4, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(4),
        nn.LeakyReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(4 * (image.height // 4) * (image.width // 4), ways),
    )
