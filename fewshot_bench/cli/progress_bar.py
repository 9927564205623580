"""Progress of slow preparation on stderr: a bar in a terminal, now and then a line elsewhere."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress as Bars
from rich.progress import TaskID

from fewshot_bench.data.pool import Progress

SECONDS_BETWEEN_LINES = 5.0


@contextmanager
def shown_progress() -> Iterator[Progress]:
    """Yields the function that slow work calls; what it shows is gone (bar) or done (lines) at the end."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _lines(console)
        return
    with Bars(console=console, transient=True) as bars:
        yield _bars(bars)


def _bars(bars: Bars) -> Progress:
    tasks: dict[str, TaskID] = {}

    def progress(what: str, done: int, total: int) -> None:
        if what not in tasks:
            tasks[what] = bars.add_task(what)
        bars.update(tasks[what], completed=done, total=total)

    return progress


def _lines(console: Console) -> Progress:
    last = time.monotonic()

    def progress(what: str, done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last >= SECONDS_BETWEEN_LINES:
            last = time.monotonic()
            console.print(f"{what}: {done} of {total}", highlight=False)

    return progress
