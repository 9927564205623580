"""The networks that a grid can name. Each is an ordinary torch module, made by a function (image, ways) -> module."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from fewshot_bench.basics.names import lazy

if TYPE_CHECKING:
    from torch import nn

_RESNET = "fewshot_bench.backbones.resnet:resnet"

BACKBONES: dict[str, "Callable[..., nn.Module]"] = {
    "vgg": lazy("fewshot_bench.backbones.vgg:vgg"),
    "resnet-4": lazy(_RESNET, blocks=(1, 1, 1, 1)),
    "resnet-8": lazy(_RESNET, blocks=(2, 2, 2, 2)),
    "resnet-12": lazy(_RESNET, blocks=(3, 3, 3, 3)),
    "mlp": lazy("fewshot_bench.backbones.mlp:mlp"),
    "densenet-8": lazy("fewshot_bench.backbones.densenet:densenet", layers=(2, 2, 2, 2)),
}
"""Name in a grid -> function (image: ImageShape, ways: int, *, options) -> nn.Module; logits are [n, ways]."""
