"""The precision of a computation: float32 defaults for new tensors, and bfloat16 products if a plan asks for them."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

_CPU = torch.device("cpu")


@contextmanager
def float32_cpu_defaults() -> Iterator[None]:
    """Within the block, new tensors are float32 and on the CPU by default, and autocast is off.

    A notebook may have set other defaults (torch.set_default_dtype, torch.set_default_device). Networks would then be
    built in another dtype or on another device, and the same cell would give other numbers.
    """
    kind = torch.get_default_dtype()
    # torch.device as a context slows every call of torch, so it is used only if the default is another device
    elsewhere = torch.get_default_device().type != "cpu"
    torch.set_default_dtype(torch.float32)
    try:
        with torch.device(_CPU) if elsewhere else nullcontext(), _no_autocast():
            yield
    finally:
        torch.set_default_dtype(kind)


@contextmanager
def _no_autocast() -> Iterator[None]:
    devices = [device for device in ("cpu", "cuda") if torch.is_autocast_enabled(device)]
    if not devices:
        yield
        return
    with torch.autocast(devices[0], enabled=False), torch.autocast(devices[-1], enabled=False):
        yield


def in_bfloat16(operations: Mapping[Any, Callable[..., Any]]) -> dict[Any, Callable[..., Any]]:
    """A table of operations (backbones/functional.py) whose convolutions and linear layers multiply in bfloat16.

    Their arguments are rounded to 8 binary digits, and their results are float32. The same holds for their derivatives.
    Sums and all other operations are not changed.
    """
    layers: tuple[Any, ...] = (F.conv1d, F.conv2d, F.conv3d, F.linear)
    return dict(operations) | {layer: _rounded(operations.get(layer, layer)) for layer in layers}


def _rounded(layer: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def rounded(*args: Any, **kwargs: Any) -> Tensor:
        return layer(*map(_half, args), **{name: _half(value) for name, value in kwargs.items()}).float()

    return rounded


def _half(value: Any) -> Any:
    return value.to(torch.bfloat16) if isinstance(value, Tensor) and value.is_floating_point() else value
