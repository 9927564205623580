"""Counts with their nouns, singular or plural, for messages and reports."""

import re
from collections.abc import Sequence


def counted(count: int, noun: str) -> str:
    """A count and its noun: "1 seed", "3 seeds", "2 inner steps", "1,000 queries"."""
    return f"{count:,} {noun if count == 1 else plural(noun)}"


def plural(noun: str) -> str:
    """The plural of a regular English noun, or of the last of several words: "test task" gives "test tasks"."""
    if re.search(r"[^aeiou]y$", noun):
        return noun[:-1] + "ies"
    return noun + ("es" if re.search(r"(s|x|z|sh|(?<!epo)ch)$", noun) else "s")


def was_or_were(names: Sequence[object]) -> str:
    """ "was" for one name, "were" for several."""
    return "was" if len(names) == 1 else "were"


def listed(names: Sequence[str]) -> str:
    """Names in a sentence: "a, b and c"; of more than four, the first three and the number of the others."""
    few = [*names[:3], f"{len(names) - 3} more"] if len(names) > 4 else list(names)
    return " and ".join(filter(None, (", ".join(few[:-1]), *few[-1:])))
