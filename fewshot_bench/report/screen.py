"""What is printed on: how wide it is, whether it has colours, and which characters."""

import os
import shutil
from typing import TextIO

from fewshot_bench.report.terminal import WIDTH


def show(text: str, file: TextIO) -> None:
    """Prints `text`; a character that the file's encoding does not have becomes a question mark."""
    encoding = file.encoding or "utf-8"
    file.write(text.encode(encoding, "replace").decode(encoding))


def screen(file: TextIO) -> tuple[int, bool]:
    """The width to print in, and whether in colour; a file gets 100 columns and none."""
    if not file.isatty():
        return WIDTH, False
    colour = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return max(60, shutil.get_terminal_size((WIDTH, 24)).columns), colour
