"""Reset torch's defaults for new tensors to float32 on the CPU, whatever the process has set."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch

_CPU = torch.device("cpu")


@contextmanager
def float32_cpu_defaults() -> Iterator[None]:
    """New tensors are float32 and on the CPU while the block lasts, and no autocast changes what is computed.

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
