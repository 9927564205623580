"""learn2learn and torchmeta, imported in spite of what has changed around them since their last release."""

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
    """learn2learn. Raises BenchError where the extra `peers` is not installed."""
    return _imported("learn2learn")


def torchmeta() -> ModuleType:
    """torchmeta, whose downloads from Google Drive cannot work. Raises BenchError where `peers` is not installed."""
    with _stand_ins():
        return _imported("torchmeta")


def _imported(name: str) -> ModuleType:
    """The module, without what it says when imported: of gym, that it is unmaintained; of old syntax."""
    with warnings.catch_warnings(action="ignore"), contextlib.redirect_stderr(io.StringIO()):
        try:
            return importlib.import_module(name)
        except ImportError as error:
            raise BenchError(
                f"{name} cannot be imported ({error}). It comes with an extra: `uv sync --extra peers`."
            ) from error


@contextlib.contextmanager
def _stand_ins() -> Iterator[None]:
    """What torchmeta wants of torchvision is there while it is imported, and gone afterwards."""
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
    """What torchmeta calls to download from Google Drive, whose pages have changed since."""
    raise BenchError("torchmeta no longer downloads from Google Drive. Get the files by hand and name their folder.")
