"""Code that a package manager put there: known by its distribution's version, not file by file."""

import importlib.metadata
import re
import sysconfig
from functools import cache
from pathlib import Path

from fewshot_bench.basics.source_text import hash_of

_FOLDERS = ("site-packages", "dist-packages")


def is_installed(file: str | None) -> bool:
    """Whether a module's file belongs to an installed distribution or to the standard library."""
    if file is None:
        return False
    path = Path(file)
    return any(name in path.parts for name in _FOLDERS) or path.is_relative_to(sysconfig.get_path("stdlib"))


def distribution_of(module: str) -> str:
    """The distribution that brought a module; "" for none, as those of the standard library have."""
    names = _distributions().get(module.partition(".")[0])
    return re.sub(r"[-_.]+", "-", names[0]).lower() if names else ""  # PEP 503: the same for every spelling


def version_of(distribution: str) -> str:
    """Its version, and a hash of its Python files as they were installed: one's own may change without a new version.

    Empty where it is not installed.
    """
    try:
        found = importlib.metadata.distribution(distribution)
    except (importlib.metadata.PackageNotFoundError, ValueError):
        return ""
    rows = sorted(row for row in (found.read_text("RECORD") or "").splitlines() if ".py," in row)
    return f"{found.version} {hash_of(repr(rows))}" if rows else found.version


@cache
def _distributions() -> dict[str, list[str]]:
    """Module -> distributions; it takes a quarter of a second, and does not change while a process lives."""
    return dict(importlib.metadata.packages_distributions())
