"""Parsing of a command's options by tyro, and help in lines that fit the terminal."""

import re
import shutil
import sys
from contextlib import redirect_stdout
from types import SimpleNamespace
from typing import IO, Annotated, Any, TypeVar, cast

import tyro

from fewshot_bench.cli.terminal import wrapped

T = TypeVar("T")

HiddenDefault = Annotated[T, tyro.conf.arg(help_behavior_hint="")]
"""An option whose default is not shown in help (None, empty, False, or found at run time): its sentence tells it."""

CONFIG = (tyro.conf.DisallowNone,)  # "None" is no value: an option is absent or has a value

_STYLE = re.compile("\x1b\\[[0-9;]*m")


def parse(kind: type[T], words: list[str], command: str) -> T:
    """Parses the words after a command into its dataclass of options.

    Raises SystemExit: 0 after printing help, 2 after a sentence about invalid words.
    """
    with redirect_stdout(wrapped_stdout()):
        return tyro.cli(kind, args=repeat_set_flag(words), prog=f"fewshot-bench {command}", config=CONFIG)


def repeat_set_flag(words: list[str]) -> list[str]:
    """Turns `--set a=1 b=2` into `--set a=1 --set b=2`. So a word without "=" may follow, such as the grid's name."""
    spread: list[str] = []
    within = False
    for word in words:
        if within and "=" in word and not word.startswith("-") and spread[-1] != "--set":
            spread.append("--set")
        within = word == "--set" or (within and "=" in word)
        spread.append(word)
    return spread


def wrapped_stdout() -> IO[str]:
    """The standard output, with lines wrapped to the width of the terminal.

    tyro fits its boxes to the terminal, but not the usage and the description.
    """
    out, width = sys.stdout, shutil.get_terminal_size().columns

    def fitted(line: str) -> str:
        bare = _STYLE.sub("", line)
        indent = "  " if bare.startswith(("usage:", "Example")) else ""
        return line if len(bare) <= width else "\n".join(wrapped(bare.rstrip(), width, indent))

    def write(text: str) -> int:
        return out.write("\n".join(map(fitted, text.split("\n"))))

    stream: Any = SimpleNamespace(write=write, flush=out.flush, isatty=out.isatty, encoding=out.encoding)
    return cast(IO[str], stream)
