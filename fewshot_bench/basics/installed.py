"""Installed code: identified by its distribution's version, not file by file."""

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
    """The distribution that installed a module; "" if there is none, as for the standard library."""
    names = _distributions().get(module.partition(".")[0])
    return re.sub(r"[-_.]+", "-", names[0]).lower() if names else ""  # PEP 503: the same for every spelling


def version_of(distribution: str) -> str:
    """The version of a distribution, and a hash of its Python files as installed; "" if it is not installed.

    The hash is needed because one's own package may change without a new version.
    """
    try:
        found = importlib.metadata.distribution(distribution)
    except (importlib.metadata.PackageNotFoundError, ValueError):
        return ""
    rows = sorted(row for row in (found.read_text("RECORD") or "").splitlines() if ".py," in row)
    return f"{found.version} {hash_of(repr(rows))}" if rows else found.version


@cache
def _distributions() -> dict[str, list[str]]:
    """Module -> distributions; cached, since it takes a quarter of a second."""
    return dict(importlib.metadata.packages_distributions())
