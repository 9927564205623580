"""The source of functions and classes that are in no module's file: those of a notebook, a script or a prompt."""

import ast
import inspect
import sys
import textwrap
from types import FunctionType, ModuleType
from typing import Any

from fewshot_bench.basics.source_text import parsed_source

MAIN = "__main__"
"""The module name of a session, as in the import path `__main__:my_net`."""


def session_source(name: str) -> tuple[str, list[str]]:
    """(hash, modules): the hash of an object's source and of all session objects that it uses; the modules they use.

    The hash is "" if Python does not know the source, as at a plain prompt.
    """
    session = vars(sys.modules[MAIN])
    texts: dict[str, str] = {}
    modules: list[str] = []
    waiting = [name]
    while waiting:
        called = waiting.pop()
        if called in texts or called not in session:
            continue
        value = session[called]
        if isinstance(value, ModuleType):
            modules.append(value.__name__)
        elif _is_plain(value):
            texts[called] = repr(value)
        elif isinstance(where := getattr(value, "__module__", None), str) and where != MAIN:
            modules.append(where)
        elif isinstance(value, FunctionType | type):
            source = _source(value)
            if not source:
                return "", modules
            text = parsed_source(source.encode(), "")
            texts[called] = text.hash
            modules += text.imports
            waiting += text.names
    return parsed_source(repr(sorted(texts.items())).encode(), "").hash if texts else "", modules


def _is_plain(value: Any) -> bool:
    """Whether a value is a number, a string, or a container of these, so that its repr is its content."""
    try:
        return isinstance(value, float) or ast.literal_eval(repr(value)) == value
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        return False


def _source(value: Any) -> str:
    """The source of a function or a class; "" if unknown. In a notebook, a class is known by its methods alone."""
    try:
        return textwrap.dedent(inspect.getsource(value))
    except (OSError, TypeError):
        parts = [one for one in vars(value).values() if isinstance(one, FunctionType)] if inspect.isclass(value) else []
    try:
        return "\n".join(textwrap.dedent(inspect.getsource(part)) for part in parts)
    except (OSError, TypeError):
        return ""
