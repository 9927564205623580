"""Sentences in lines that are no longer than the terminal is wide."""

import re
import textwrap

_WHOLE = re.compile(r"`[^`]+`|\[[^][]+\]|(?<=^Example: ).+|(?<=^Examples: ).+|(?<=-> ).+")
"""What stays in one line if it fits one: a command, in backticks, as an example or after an arrow; and [...]."""

_GAP = "\xa0"  # a space at which textwrap breaks no line


def wrapped(text: str, width: int, indent: str = "") -> list[str]:
    """A paragraph in lines of at most `width` characters, `indent` before all but the first.

    Words stay whole, also one that is longer than a line; commands do if they fit a line.
    """
    room = width - len(indent)

    def whole(found: re.Match[str]) -> str:
        commands = found[0].split("; ")  # as examples stand beside each other
        return "; ".join(one.replace(" ", _GAP) if len(one) <= room else one for one in commands)

    lines = textwrap.wrap(
        _WHOLE.sub(whole, text),
        width,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace(_GAP, " ") for line in lines]


def beside(head: str, text: str, width: int, indent: str) -> list[str]:
    """`text` after `head`, in a column of its own; under it, after `indent`, if less than half a line is left.

    A line that is short enough is one.
    """
    if len(head + text) <= width:
        return [(head + text).rstrip()]
    if 2 * len(head) <= width:
        first, *more = wrapped(text, width - len(head))
        return [head + first, *(" " * len(head) + line for line in more)]
    return [*wrapped(head.rstrip(), width, indent), *(indent + line for line in wrapped(text, width - len(indent)))]
