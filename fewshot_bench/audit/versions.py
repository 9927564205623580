"""What the audit was run with."""

import importlib.metadata
import platform

PEERS = ("higher", "learn2learn", "torchmeta", "torchopt")
"""The libraries that the extra `peers` installs."""


def version(package: str) -> str | None:
    """Of an installed package; None where it is not."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def versions() -> dict[str, str | None]:
    """Of Python, this package, torch and the peers: what decides the numbers. Nothing about the machine."""
    return {"python": platform.python_version()} | {name: version(name) for name in ("fewshot-bench", "torch", *PEERS)}
