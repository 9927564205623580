"""The four-block convolutional network of the few-shot literature, as MAML++ has it."""

from torch import nn

from fewshot_bench.basics.images import ImageShape


def vgg(image: ImageShape, ways: int, *, filters: int = 64, stages: int = 4) -> nn.Module:
    """`stages` x [3x3 convolution -> batch norm -> LeakyReLU(0.01) -> 2x2 max-pool] -> linear.

    filters: 64 in the fork for both datasets; MAML++'s own mini-ImageNet configurations have 48.
    Initial weights are PyTorch's, as in the fork (MAML++: Xavier uniform).
    """
    blocks: list[nn.Module] = []
    channels = image.channels
    for _ in range(stages):
        convolution = nn.Conv2d(channels, filters, kernel_size=3, padding=1)
        blocks += [convolution, nn.BatchNorm2d(filters), nn.LeakyReLU(0.01), nn.MaxPool2d(2)]
        channels = filters
    features = filters * (image.height >> stages) * (image.width >> stages)
    return nn.Sequential(*blocks, nn.Flatten(), nn.Linear(features, ways))
