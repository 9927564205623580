"""Networks that know nothing of this package: torchvision's, timm's, and small ones with one peculiarity each."""

import timm
import torch
import torchvision
from torch import Tensor, nn

from fewshot_bench.basics.images import ImageShape

GREY, COLOUR = ImageShape(1, 12, 12), ImageShape(3, 40, 40)


def resnet18(ways: int) -> nn.Module:
    return torchvision.models.resnet18(num_classes=ways)


def densenet(ways: int) -> nn.Module:
    """torchvision's DenseNet, small, with its dropout inside forward."""
    return torchvision.models.DenseNet(8, (2, 2), 8, num_classes=ways, drop_rate=0.3)


def vision_transformer(ways: int) -> nn.Module:
    """timm's, small, with dropout of every kind but attention's, and stochastic depth."""
    rates = {"drop_rate": 0.1, "pos_drop_rate": 0.1, "proj_drop_rate": 0.1, "drop_path_rate": 0.5}
    sizes = {"img_size": 12, "patch_size": 4, "in_chans": 1, "embed_dim": 8, "depth": 2, "num_heads": 2}
    return timm.models.VisionTransformer(num_classes=ways, **sizes, **rates)


def efficientnet(ways: int) -> nn.Module:
    """timm's smallest: batch norms that are activations too, squeeze and excitation."""
    return timm.create_model("test_efficientnet", num_classes=ways, in_chans=1, drop_rate=0.2)


def swin(ways: int) -> nn.Module:
    """torchvision's, small: windows by constant indices, layer norm, stochastic depth."""
    return torchvision.models.SwinTransformer([2, 2], 8, [2, 2], [2, 2], [3, 3], num_classes=ways)


class Body(nn.Module):
    """A smooth convolution, whatever is in the middle, and a linear layer. x: [n, 1, 12, 12]."""

    def __init__(self, ways: int, *middle: nn.Module) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 4, 4, stride=4)
        self.middle = nn.Sequential(*middle)
        self.fc = nn.Linear(36, ways)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.middle(self.stem(x).tanh()).flatten(1))


def dropouts(ways: int) -> nn.Module:
    return Body(
        ways, nn.Dropout2d(0.3), nn.Dropout(0.5), nn.Tanh(), nn.AlphaDropout(0.2), nn.Dropout(0.5, inplace=True)
    )


def norms(ways: int) -> nn.Module:
    """Layer, group, instance and RMS norm, and batch norms with less than usual, one of them shared by two places."""
    shared = nn.BatchNorm2d(4, momentum=None, affine=False)
    return Body(
        ways,
        nn.LayerNorm([4, 3, 3]),
        nn.Tanh(),
        nn.GroupNorm(2, 4),
        shared,
        nn.Tanh(),
        nn.InstanceNorm2d(4, affine=True, track_running_stats=True),
        nn.RMSNorm([4, 3, 3]),
        nn.SyncBatchNorm(4),
        shared,
    )


def attention(ways: int) -> nn.Module:
    """torch's own encoder; its dropout would be inside attention too."""
    return Body(
        ways, nn.Flatten(2), nn.TransformerEncoderLayer(9, 3, 12, dropout=0.0, activation="gelu", batch_first=True)
    )


class Shared(nn.Module):
    """One weight in two layers. x: [n, 1, 12, 12]."""

    def __init__(self, ways: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 4, 4, stride=4)
        self.first, self.second = nn.Linear(36, 36), nn.Linear(36, 36)
        self.second.weight = self.first.weight
        self.fc = nn.Linear(36, ways)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.second(self.first(self.stem(x).flatten(1)).tanh()).tanh())


class Constants(nn.Module):
    """Tables as buffers, of fractions and of indices, and a frozen parameter. x: [n, 1, 12, 12]."""

    def __init__(self, ways: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 4, 4, stride=4)
        self.register_buffer("mix", torch.linspace(-1, 1, 81).sin().view(9, 9))
        self.register_buffer("order", torch.arange(8, -1, -1), persistent=False)
        self.gain = nn.Parameter(torch.tensor(1.7), requires_grad=False)
        self.fc = nn.Linear(36, ways)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(((self.stem(x).flatten(2) @ self.mix)[..., self.order] * self.gain).tanh().flatten(1))


class Counter(nn.Module):
    """Scales by how often it was called, kept in a buffer: in place, or put in its place."""

    def __init__(self, in_place: bool) -> None:
        super().__init__()
        self.in_place = in_place
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        if self.in_place:
            self.calls += 1
        else:
            self.calls = self.calls + 1
        return x / self.calls


class Calls(nn.Module):
    """A function of a tensor as a layer."""

    def __init__(self, function) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


SMOOTH = {
    "timm's vision transformer": (vision_transformer, GREY),
    "torchvision's swin": (swin, ImageShape(3, 16, 16)),
    "dropout": (dropouts, GREY),
    "norms": (norms, GREY),
    "attention": (attention, GREY),
    "shared parameters": (Shared, GREY),
    "buffers": (Constants, GREY),
}
"""Name -> (ways -> network, images it takes). These have no kinks, so finite differences tell."""

KINKED = {
    "torchvision's resnet-18": (resnet18, COLOUR),
    "torchvision's densenet": (densenet, COLOUR),
    "timm's efficientnet": (efficientnet, ImageShape(1, 40, 40)),
}
