"""Options of a factory: its keyword arguments, whose names, types and defaults are read from its signature."""

import ast
import importlib.util
import inspect
import sys
import types
import typing
from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

from fewshot_bench.basics.names import Lazy, did_you_mean

Value = bool | int | float | str | tuple["Value", ...]
"""Values of options, as a grid file can hold them."""


class Option(NamedTuple):
    """One option. type: its annotation. default: its value if a grid does not set it."""

    type: Any
    default: Any


def bare(factory: Callable[..., Any]) -> Callable[..., Any]:
    """The function or class behind a functools.partial or a Lazy, or the factory itself."""
    while hasattr(factory, "func") or isinstance(factory, Lazy):
        factory = factory.load() if isinstance(factory, Lazy) else factory.func
    return factory


def schema(factory: Callable[..., Any]) -> dict[str, Option]:
    """The keyword arguments with a default of `factory` (a function, a dataclass, or a partial or Lazy of one).

    Arguments without a default are supplied by the program and are no options. The signature of a Lazy is read from its
    source without importing it, if that is possible.
    """
    if isinstance(factory, Lazy):
        given = dict(factory.options)
        known = _schema_in_source(factory.path, tuple(given))
        if known is None:
            return schema(partial(factory.load(), **given))
        return {name: option._replace(default=given.get(name, option.default)) for name, option in known.items()}
    function = bare(factory)
    try:
        hints = typing.get_type_hints(function.__init__ if inspect.isclass(function) else function)
    except Exception:  # annotations of a user's function may name missing types; its options are then unchecked
        hints = {}
    return {
        name: Option(hints.get(name, Any), parameter.default)
        for name, parameter in inspect.signature(factory).parameters.items()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY and parameter.default is not inspect.Parameter.empty
    }


def preset_options(factory: Callable[..., Any]) -> dict[str, Any]:
    """What a partial or a Lazy sets beforehand."""
    return dict(factory.options) if isinstance(factory, Lazy) else dict(getattr(factory, "keywords", {}))


@cache
def _schema_in_source(path: str, given: tuple[str, ...]) -> dict[str, Option] | None:
    """The schema of a function at "package.module:name", by its source; None if it cannot be told without an import.

    given: arguments that are set beforehand, which are options even if they have no default.
    """
    module, _, name = path.partition(":")
    names = _names_of(module)
    node = next((one for one in names.body if isinstance(one, ast.FunctionDef) and one.name == name), None)
    if node is None:
        return None
    pairs = zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
    options = [(one, to) for one, to in pairs if to is not None or one.arg in given]
    try:
        return {one.arg: Option(names.value(one.annotation), to and names.value(to)) for one, to in options}
    except Exception:  # an annotation or a default needs more than names of types and constants
        return None


class _Names(dict[str, Any]):
    """Types and constants that a module names, by its source and that of modules of this package it imports from."""

    def __init__(self, module: str) -> None:
        spec = importlib.util.find_spec(module)
        text = Path(spec.origin).read_text(encoding="utf-8") if spec and spec.origin else ""
        self.body = ast.parse(text).body

    def __missing__(self, name: str) -> Any:
        for node in self.body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
                return self.value(node.value)
            if isinstance(node, ast.ImportFrom) and name in [alias.asname or alias.name for alias in node.names]:
                own = str(node.module).startswith(__name__.partition(".")[0])
                return _names_of(str(node.module))[name] if own else getattr(sys.modules[str(node.module)], name)
        raise KeyError(name)

    def value(self, node: ast.expr | None) -> Any:
        return Any if node is None else eval(compile(ast.Expression(node), "", "eval"), {}, self)


@cache
def _names_of(module: str) -> _Names:
    return _Names(module)


def problems(values: Mapping[str, Any], known: Mapping[str, Option], where: str) -> list[str]:
    """A sentence for each unknown key and each value of the wrong type; `where` begins it."""
    found = []
    for name, value in values.items():
        if name not in known:
            found.append(
                f"{where}: nothing reads the key {name!r}{did_you_mean(name, known)}. "
                + (f"Known: {', '.join(known)}." if known else "It has no options.")
            )
        elif not fits(value, known[name].type):
            found.append(f"{where}: `{name}` is {value!r}, but has to be {type_name(known[name].type)}.")
    return found


def understood(values: Mapping[str, Any], known: Mapping[str, Option]) -> dict[str, Any]:
    """The valid entries of `values`: lists as tuples, and whole numbers as floats if the option is a float."""
    return {
        name: float(value) if known[name].type is float else frozen(value)
        for name, value in values.items()
        if name in known and fits(value, known[name].type)
    }


def off_default(options: Mapping[str, Any], known: Mapping[str, Option]) -> tuple[tuple[str, Any], ...]:
    """The entries of `options`, as `understood` returns them, that differ from the defaults: (name, value), by name."""
    return tuple(sorted((key, value) for key, value in options.items() if value != frozen(known[key].default)))


def fits(value: Any, kind: Any) -> bool:
    """Whether `value`, as TOML gives it, is of type `kind`. An integer is also a float, a list also a tuple."""
    if not isinstance(value, bool | int | float | str | list | tuple):
        return False  # tables and dates, which no option takes
    if kind is Any:
        return True
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return any(fits(value, choice) for choice in typing.get_args(kind))
    if typing.get_origin(kind) is typing.Literal:
        return value in typing.get_args(kind)
    if typing.get_origin(kind) in (tuple, list):
        return isinstance(value, list | tuple) and all(fits(item, typing.get_args(kind)[0]) for item in value)
    if isinstance(value, bool):
        return kind is bool
    if kind is float:
        return isinstance(value, int | float)
    return not isinstance(kind, type) or isinstance(value, kind)


def frozen(value: Any) -> Any:
    """Lists as tuples, at every depth, so that a frozen cell can hold them."""
    return tuple(frozen(item) for item in value) if isinstance(value, list | tuple) else value


def type_name(kind: Any) -> str:
    """The type in words, for messages about a grid file."""
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return " or ".join(type_name(choice) for choice in typing.get_args(kind) if choice is not type(None))
    if typing.get_origin(kind) is typing.Literal:
        return "one of " + ", ".join(repr(choice) for choice in typing.get_args(kind))
    if kind is Any:
        return "true or false, a number, a text or a list of these"
    if typing.get_origin(kind) in (tuple, list):
        return f"a list, each item {type_name(typing.get_args(kind)[0])}"
    words = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
    return words.get(kind, getattr(kind, "__name__", str(kind)))
