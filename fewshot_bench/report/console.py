"""Printing: to a file or a terminal, with its width, its colours and its characters."""

import os
import shutil
import sys
from pathlib import Path
from typing import TextIO

from fewshot_bench.basics.files import write_text
from fewshot_bench.report.terminal import WIDTH


def show(text: str, file: TextIO) -> None:
    """Prints `text`; a character that the file's encoding does not have becomes a question mark."""
    encoding = file.encoding or "utf-8"
    file.write(text.encode(encoding, "replace").decode(encoding))


def put(text: str, output: Path | None) -> None:
    """Writes `text` to a file and says so, or prints it if `output` is None. Raises BenchError if it cannot."""
    if output is None:
        show(text, sys.stdout)
    else:
        write_text(output, text)
        print(f"Wrote {output}.")


def screen(file: TextIO) -> tuple[int, bool]:
    """The width to print in, and whether in colour; a file gets 100 columns and none."""
    if not file.isatty():
        return WIDTH, False
    colour = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return max(60, shutil.get_terminal_size((WIDTH, 24)).columns), colour
