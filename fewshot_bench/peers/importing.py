"""Imports of learn2learn and torchmeta, whose last releases are older than the libraries that they need."""

import contextlib
import importlib
import io
import warnings
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from fewshot_bench.basics.errors import BenchError

DROPPED = ("_get_confirm_token", "_save_response_content")
"""Private functions of torchvision.datasets.utils that torchmeta 1.8.0 imports; torchvision dropped them in 0.13."""


def learn2learn() -> ModuleType:
    """The module learn2learn. Raises BenchError if the extra `peers` is not installed."""
    return _imported("learn2learn")


def torchmeta() -> ModuleType:
    """The module torchmeta; its downloads from Google Drive fail. Raises BenchError if `peers` is not installed."""
    with _stand_ins():
        return _imported("torchmeta")


def _imported(name: str) -> ModuleType:
    """The module. Its warnings at import (gym is unmaintained, old syntax) are not shown."""
    with warnings.catch_warnings(action="ignore"), contextlib.redirect_stderr(io.StringIO()):
        try:
            return importlib.import_module(name)
        except ImportError as error:
            raise BenchError(
                f"{name} cannot be imported ({error}). It comes with an extra: `uv sync --extra peers`."
            ) from error


@contextlib.contextmanager
def _stand_ins() -> Iterator[None]:
    """Add the functions that torchmeta imports from torchvision, and remove them afterwards."""
    try:
        utils: Any = importlib.import_module("torchvision.datasets.utils")
    except ImportError:  # then torchmeta is not there either, and importing it says so
        yield
        return
    lacking = [name for name in DROPPED if not hasattr(utils, name)]
    for name in lacking:
        setattr(utils, name, _no_google_drive)
    try:
        yield
    finally:
        for name in lacking:
            delattr(utils, name)


def _no_google_drive(*arguments: Any) -> None:
    """Stand-in for the functions by which torchmeta downloads from Google Drive, whose pages have changed."""
    raise BenchError("torchmeta no longer downloads from Google Drive. Get the files by hand and name their folder.")
