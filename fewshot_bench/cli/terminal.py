"""Text in the terminal: sentences in lines that fit its width, and the progress of slow preparation on stderr."""

import re
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

    from fewshot_bench.data.pool import Progress

SECONDS_BETWEEN_LINES = 5.0

_WHOLE = re.compile(r"`[^`]+`|\[[^][]+\]|(?<=^Example: ).+|(?<=^Examples: ).+|(?<=-> ).+")
"""Text that is not wrapped if it fits a line: commands in backticks, in examples or after an arrow; and [...]."""

_GAP = "\xa0"  # a space at which textwrap breaks no line


def wrapped(text: str, width: int, indent: str = "") -> list[str]:
    """Wraps a paragraph to lines of at most `width` characters, with `indent` before all but the first.

    Words are not broken, even if longer than a line. Commands are not broken if they fit a line.
    """
    available = width - len(indent)

    def whole(match: re.Match[str]) -> str:
        commands = match[0].split("; ")  # several examples in one line
        return "; ".join(command.replace(" ", _GAP) if len(command) <= available else command for command in commands)

    lines = textwrap.wrap(
        _WHOLE.sub(whole, text),
        width,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace(_GAP, " ") for line in lines]


def beside(head: str, text: str, width: int, indent: str) -> list[str]:
    """Puts `text` in a column after `head`, or below it with `indent` if less than half a line is left.

    If both fit one line, they are one line.
    """
    if len(head + text) <= width:
        return [(head + text).rstrip()]
    if 2 * len(head) <= width:
        first, *more = wrapped(text, width - len(head))
        return [head + first, *(" " * len(head) + line for line in more)]
    return [*wrapped(head.rstrip(), width, indent), *(indent + line for line in wrapped(text, width - len(indent)))]


@contextmanager
def shown_progress() -> "Iterator[Progress]":
    """A function that slow work calls to show progress: a bar in a terminal, elsewhere a line every few seconds."""
    from rich.console import Console
    from rich.progress import Progress as Bars

    console = Console(stderr=True)
    if not console.is_terminal:
        yield _lines(console)
        return
    with Bars(console=console, transient=True) as bars:
        yield _bars(bars)


def _bars(bars: "Bars") -> "Progress":
    tasks: dict[str, TaskID] = {}

    def progress(what: str, done: int, total: int) -> None:
        if what not in tasks:
            tasks[what] = bars.add_task(what)
        bars.update(tasks[what], completed=done, total=total)

    return progress


def _lines(console: "Console") -> "Progress":
    last = time.monotonic()

    def progress(what: str, done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last >= SECONDS_BETWEEN_LINES:
            last = time.monotonic()
            console.print(f"{what}: {done} of {total}", highlight=False)

    return progress
