"""Names in a grid file and what they stand for: an entry of a table, or an import path `package.module:name`."""

import difflib
import importlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fewshot_bench.basics.errors import BenchError


@dataclass(frozen=True)
class Lazy:
    """A function or class of this package by its import path, with options set beforehand; imported when called.

    Importing torch takes seconds. Tables of lazy names let a grid file be checked without it.
    """

    path: str
    options: tuple[tuple[str, Any], ...] = ()

    def load(self) -> Callable[..., Any]:
        """The function or class itself."""
        module, _, name = self.path.partition(":")
        found: Callable[..., Any] = getattr(importlib.import_module(module), name)
        return found

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        return self.load()(*arguments, **{**dict(self.options), **options})


def lazy(path: str, **options: Any) -> Lazy:
    """The function or class at `path` ("package.module:name"), with these options in place of its defaults."""
    return Lazy(path, tuple(options.items()))


def find(kind: str, name: str, table: Mapping[str, Any]) -> Any:
    """The object called `name` in `table`, or at the import path `name` ("package.module:attribute").

    Args:
        kind: What `name` is the name of, for messages: "learner", "backbone", ...
        name: A key of `table`, or an import path.
        table: The known names.

    Raises:
        BenchError: If there is no such name (with the nearest one), or if the import failed (with the reason).
    """
    if name in table:
        return table[name]
    if ":" not in name:
        raise BenchError(unknown(kind, name, table))
    module_name, _, attribute = name.partition(":")
    try:
        module = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:  # a user's module may raise anything
        raise BenchError(f"{kind} {name!r}: importing {module_name} failed: {type(error).__name__}: {error}") from error
    if not hasattr(module, attribute):
        raise BenchError(f"{kind} {name!r}: {module_name} has no {attribute!r}{did_you_mean(attribute, vars(module))}.")
    found = getattr(module, attribute)
    if not callable(found):
        raise BenchError(f"{kind} {name!r} is a {type(found).__name__}; it has to be a function or a class.")
    return found


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """The message for a name that does not exist: the nearest name, and all known ones."""
    known = sorted(known)
    return f"unknown {kind} {name!r}{did_you_mean(name, known)}. Known: {', '.join(known)}."


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The hint " (did you mean 'x'?)"; empty if no known name is near."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f" (did you mean {near[0]!r}?)" if near else ""
