"""Words become options, by tyro; and help becomes as wide as the terminal, all of it."""

import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from typing import IO, Annotated, Any, TypeVar, cast

import tyro

from fewshot_bench.cli.wrapping import wrapped

T = TypeVar("T")

Unsaid = Annotated[T, tyro.conf.arg(help_behavior_hint="")]
"""An option whose default help leaves out: None, empty or False, or found when asked for; its sentence says enough."""

_STYLE = re.compile("\x1b\\[[0-9;]*m")


def parse(kind: type[T], words: list[str], command: str, description: str | None = None) -> T:
    """The words after a command as a dataclass of its options.

    description: in place of the docstring of `kind`. Raises SystemExit, 0 once help is printed and 2 for what is wrong.
    """
    with _wrapped_help():
        return tyro.cli(
            kind,
            args=words,
            prog=f"fewshot-bench {command}",
            description=description,
            config=(tyro.conf.DisallowNone,),  # None is Python's word: an option is absent or has a value
        )


@contextmanager
def _wrapped_help() -> Iterator[None]:
    """tyro makes its boxes as wide as the terminal, but prints usage and description in lines of any length."""
    with redirect_stdout(cast(IO[str], _Narrow(sys.stdout, shutil.get_terminal_size().columns))):
        yield


@dataclass(frozen=True)
class _Narrow:
    """A stream on which lines that are too long are broken; all else of it is the stream's own."""

    stream: Any
    width: int

    def write(self, text: str) -> None:
        self.stream.write("\n".join(self._fitting(line) for line in text.split("\n")))

    def _fitting(self, line: str) -> str:
        bare = _STYLE.sub("", line)
        indent = "  " if bare.startswith(("usage:", "Example")) else ""
        return line if len(bare) <= self.width else "\n".join(wrapped(bare.rstrip(), self.width, indent))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)
