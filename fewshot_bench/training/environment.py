"""What a result was computed with: versions and device. Kept beside results, never in them."""

import importlib.metadata
import platform
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import torch


def environment(device: str, libraries: Sequence[str] = ()) -> dict[str, Any]:
    """Versions of what computes, the package's commit where it has one, the processor or GPU, and the host.

    libraries: distributions that the user's own code imports.
    """
    packages = dict.fromkeys(("fewshot-bench", "torch", "numpy", "pillow", *libraries))
    versions = {name: importlib.metadata.version(name) for name in packages if _installed(name)}
    name = torch.cuda.get_device_name(device) if device.startswith("cuda") else _processor()
    found = {"python": platform.python_version(), **versions, "device": name, "host": platform.node()}
    return found | ({"commit": commit} if (commit := _commit()) else {})


def _installed(package: str) -> bool:
    try:
        importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


@cache
def _commit() -> str:
    """The checkout that the package runs from, and whether it was changed; empty where it is installed as a package."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return ""
    try:
        said = [
            _git(root, *words) for words in (("rev-parse", "HEAD"), ("status", "--porcelain", "--", "fewshot_bench"))
        ]
    except (OSError, subprocess.SubprocessError):
        return ""
    return said[0] + (" with changes" if said[1] else "")


def _git(root: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=True, timeout=10)
    return done.stdout.strip()


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
