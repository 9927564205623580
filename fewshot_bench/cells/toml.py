"""config.toml by the thousand: files that share nearly all of their lines, each parsed once."""

import re
import tomllib
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

_FIRST_TABLE = re.compile(r"^[ \t]*\[", re.MULTILINE)


def loads(text: str) -> dict[str, Any]:
    """What tomllib.loads gives or raises. Its tables may be those of other files too: not to be changed.

    Lines before the first table are parsed one by one, and the tables as one piece, each of them once. That is the
    same: a line that is a document by itself ends where the next statement begins. Where it is not (an array over
    several lines, a key that comes twice, a fault) the file is parsed whole.
    """
    table = _FIRST_TABLE.search(text)
    end = table.start() if table else len(text)
    try:
        pieces = [_parsed(piece) for piece in (*text[:end].split("\n"), text[end:])]
    except tomllib.TOMLDecodeError:
        return tomllib.loads(text)
    whole = {key: value for piece in pieces for key, value in piece.items()}
    return whole if len(whole) == sum(map(len, pieces)) else tomllib.loads(text)


@lru_cache(maxsize=10_000)
def _parsed(piece: str) -> Mapping[str, Any]:
    return tomllib.loads(piece)
