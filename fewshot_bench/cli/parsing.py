"""The words after a command become its options, by tyro; and help becomes as wide as the terminal, all of it."""

import re
import shutil
import sys
from contextlib import redirect_stdout
from types import SimpleNamespace
from typing import IO, Annotated, Any, TypeVar, cast

import tyro

from fewshot_bench.cli.wrapping import wrapped

T = TypeVar("T")

Unsaid = Annotated[T, tyro.conf.arg(help_behavior_hint="")]
"""An option whose default help leaves out: None, empty or False, or found when asked for; its sentence says enough."""

CONFIG = (tyro.conf.DisallowNone,)  # None is Python's word: an option is absent or has a value

_STYLE = re.compile("\x1b\\[[0-9;]*m")


def parse(kind: type[T], words: list[str], command: str) -> T:
    """The words after a command as a dataclass of its options.

    Raises SystemExit: 0 after help was printed, 2 after a sentence about words that are wrong.
    """
    with redirect_stdout(fitting()):
        return tyro.cli(kind, args=a_flag_each(words), prog=f"fewshot-bench {command}", config=CONFIG)


def a_flag_each(words: list[str]) -> list[str]:
    """`--set a=1 b=2` as `--set a=1 --set b=2`, so that a word without "=" may follow, such as the grid's name."""
    spread: list[str] = []
    within = False
    for word in words:
        if within and "=" in word and not word.startswith("-") and spread[-1] != "--set":
            spread.append("--set")
        within = word == "--set" or (within and "=" in word)
        spread.append(word)
    return spread


def fitting() -> IO[str]:
    """The standard output, with lines broken that are too long for the terminal.

    tyro makes its boxes as wide as the terminal, but prints usage and description in lines of any length.
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
