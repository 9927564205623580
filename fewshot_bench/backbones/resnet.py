"""The ResNets of Grefenstette et al. 2019: four stages of basic blocks, no stem; the name's number counts blocks."""

from collections import OrderedDict

from torch import Tensor, nn

from fewshot_bench.basics.images import ImageShape

CHANNELS = (32, 64, 128, 256)  # the fork's models.py


def resnet(image: ImageShape, ways: int, *, blocks: tuple[int, ...]) -> nn.Module:
    """Stages of basic blocks (He et al. 2016), the first block of every stage with stride 2, then mean and linear.

    This is not the "ResNet-12" of other few-shot work, which has three convolutions in a block, more channels and
    max-pooling. It has no initial projection, as in TADAM.

    Args:
        image: Shape of an image.
        ways: Classes of a task.
        blocks: Blocks in each stage; (1, 1, 1, 1) is resnet-4, (3, 3, 3, 3) is resnet-12.
    """
    layers: dict[str, nn.Module] = {}
    channels = image.channels
    for stage, (width, count) in enumerate(zip(CHANNELS, blocks, strict=True), start=1):
        for block in range(1, count + 1):
            layers[f"stage{stage}_block{block}"] = BasicBlock(channels, width, stride=2 if block == 1 else 1)
            channels = width
    layers |= {"mean": nn.AdaptiveAvgPool2d(1), "flatten": nn.Flatten(), "head": nn.Linear(channels, ways)}
    network = nn.Sequential(OrderedDict(layers))
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return network


class BasicBlock(nn.Module):
    """relu(norm(conv(relu(norm(conv(x))))) + shortcut(x)); the shortcut is a 1x1 convolution if shapes differ."""

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, kernel_size=3, stride=stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, kernel_size=3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU()
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or channels != width:
            projection = nn.Conv2d(channels, width, kernel_size=1, stride=stride, bias=False)
            self.shortcut = nn.Sequential(OrderedDict(conv=projection, norm=nn.BatchNorm2d(width)))

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.norm1(self.conv1(x)))
        return self.relu(self.norm2(self.conv2(out)) + self.shortcut(x))
