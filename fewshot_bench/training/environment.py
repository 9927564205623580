"""The environment of a computation: versions and device. It is stored in status.json, never in result.json."""

import importlib.metadata
import platform
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import torch


def environment(device: str, libraries: Sequence[str] = ()) -> dict[str, Any]:
    """Versions of packages, the package's commit if it runs from a checkout, the processor or GPU, and the host.

    libraries: distributions that the user's own code imports.
    """
    packages = dict.fromkeys(("fewshot-bench", "torch", "numpy", "pillow", *libraries))
    versions = {name: importlib.metadata.version(name) for name in packages if _installed(name)}
    name = torch.cuda.get_device_name(device) if device.startswith("cuda") else _processor()
    versions_and_device = {"python": platform.python_version(), **versions, "device": name, "host": platform.node()}
    return versions_and_device | ({"commit": commit} if (commit := _commit()) else {})


def _installed(package: str) -> bool:
    try:
        importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


@cache
def _commit() -> str:
    """The commit of the checkout, and whether it has changes; empty if the package does not run from a checkout."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return ""
    try:
        commit = _git(root, "rev-parse", "HEAD")
        changes = _git(root, "status", "--porcelain", "--", "fewshot_bench")
    except (OSError, subprocess.SubprocessError):
        return ""
    return commit + (" with changes" if changes else "")


def _git(root: Path, *words: str) -> str:
    process = subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=True, timeout=10)
    return process.stdout.strip()


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
