"""How slow preparation tells what it is doing, without knowing who listens."""

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""progress(what, done, total): called often; `done` runs from 0 to `total`."""


def silent(what: str, done: int, total: int) -> None:
    """Tells nobody."""
