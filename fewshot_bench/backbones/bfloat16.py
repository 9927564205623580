"""Products of half the digits: convolutions and linear layers in bfloat16, sums and all else as they are."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


def in_bfloat16(operations: Mapping[Any, Callable[..., Any]]) -> dict[Any, Callable[..., Any]]:
    """A table of operations (backbones/functional.py) whose convolutions and linear layers multiply in bfloat16.

    Their arguments are rounded to 8 binary digits, their results are float32 again; so are those of their derivatives.
    """
    layers: tuple[Any, ...] = (F.conv1d, F.conv2d, F.conv3d, F.linear)
    return dict(operations) | {layer: _rounded(operations.get(layer, layer)) for layer in layers}


def _rounded(layer: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def rounded(*args: Any, **kwargs: Any) -> Tensor:
        return layer(*map(_half, args), **{name: _half(value) for name, value in kwargs.items()}).float()

    return rounded


def _half(value: Any) -> Any:
    return value.to(torch.bfloat16) if isinstance(value, Tensor) and value.is_floating_point() else value
