"""Sentences in lines that are no longer than the terminal is wide."""

import re
import textwrap

_WHOLE = re.compile(r"`[^`]+`|\[[^][]+\]|(?<=^Example: ).+|(?<=^Examples: ).+|(?<=-> ).+")
"""What stays in one line where it fits one: a command, in backticks, as an example or after an arrow; and [...]."""

_GAP = "\xa0"  # a space at which textwrap breaks no line


def wrapped(text: str, width: int, indent: str = "") -> list[str]:
    """A paragraph in lines of at most `width` characters, `indent` before all but the first.

    Words stay whole, also one that is longer than a line; commands do where they fit a line.
    """
    room = width - len(indent)

    def whole(found: re.Match[str]) -> str:
        commands = found[0].split("; ")  # as examples stand beside each other
        return "; ".join(one.replace(" ", _GAP) if len(one) < room else one for one in commands)

    lines = textwrap.wrap(
        _WHOLE.sub(whole, text),
        width,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace(_GAP, " ") for line in lines]
