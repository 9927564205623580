"""What a result was computed with: versions and device. Kept beside results, never in them."""

import importlib.metadata
import platform
from pathlib import Path
from typing import Any

import torch


def environment(device: str) -> dict[str, Any]:
    """Versions of what computes, the processor or GPU, and the host."""
    packages = ("fewshot-bench", "torch", "numpy", "pillow")
    versions = {name: importlib.metadata.version(name) for name in packages if _installed(name)}
    name = torch.cuda.get_device_name(device) if device.startswith("cuda") else _processor()
    return {"python": platform.python_version(), **versions, "device": name, "host": platform.node()}


def _installed(package: str) -> bool:
    try:
        importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
