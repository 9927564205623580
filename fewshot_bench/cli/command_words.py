"""What may follow a command on the command line, read from the dataclasses that its options are parsed into."""

import dataclasses
import importlib
import types
import typing
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import tyro

from fewshot_bench.cli.describe import docs, first_sentence, meanings
from fewshot_bench.cli.list import KINDS
from fewshot_bench.data.datasets import DATASETS
from fewshot_bench.grid.files import presets

NAMES = {
    ("run", "grid"): presets,
    ("doctor", "grid"): presets,
    ("list", "what"): lambda: KINDS,
    ("check", "dataset"): lambda: DATASETS,
    ("data get", "name"): lambda: DATASETS,
    ("data verify", "name"): lambda: DATASETS,
}
"""Arguments whose type is a text but that usually are one of a few names."""


class Argument(NamedTuple):
    """field: as the dataclass calls it; flag: as it is typed, empty for one that is known by its place.

    value: whether something follows the flag; choices: what that may be, empty where it is open; path: whether it is
    a file or folder; says: what it is for.
    """

    field: str
    flag: str
    value: bool
    choices: tuple[str, ...]
    path: bool
    says: str


class Place(NamedTuple):
    """A command ("run") or a command and its subcommand ("data get"): what it does and what may follow it."""

    words: str
    says: str
    arguments: tuple[Argument, ...]
    subcommands: tuple[str, ...] = ()

    @property
    def flags(self) -> list[Argument]:
        """Those with a flag."""
        return [one for one in self.arguments if one.flag]

    @property
    def names(self) -> tuple[str, ...]:
        """Words that may stand here without a flag."""
        return (*self.subcommands, *(word for one in self.arguments if not one.flag for word in one.choices))

    @property
    def takes_path(self) -> Literal["", "files", "folders"]:
        """What of the disk may stand here without a flag: a grid is a file, all else is a folder."""
        places = [one for one in self.arguments if not one.flag and one.path]
        return ("files" if any(one.choices for one in places) else "folders") if places else ""


def places(commands: Sequence[str]) -> list[Place]:
    """A place for each command, and after it one for each of its subcommands."""
    return [place for command in commands for place in _places(command, options_of(command))]


def options_of(command: str) -> Any:
    """What a command's words are parsed into: a dataclass, or a union of subcommands."""
    module = importlib.import_module(f"fewshot_bench.cli.{command}")
    return next(getattr(module, name) for name in ("Command", "Options", command.capitalize()) if hasattr(module, name))


def subcommands(options: Any) -> dict[str, Any]:
    """The dataclasses of a union of subcommands, by name; none for a single dataclass."""
    if dataclasses.is_dataclass(options):
        return {}
    parts = [(typing.get_args(part)[0], getattr(part, "__metadata__", ())) for part in typing.get_args(options)]
    return {next(mark.name for mark in marks if getattr(mark, "name", None)): kind for kind, marks in parts}


def _places(command: str, options: Any) -> Iterator[Place]:
    below = subcommands(options)
    if not below:
        yield _place(command, options)
        return
    yield Place(command, "", (), tuple(below))
    for name, kind in below.items():
        yield _place(f"{command} {name}", kind)


def _place(words: str, kind: Any) -> Place:
    return Place(words, first_sentence(docs(kind)), tuple(_arguments(words, kind, "")))


def _arguments(words: str, kind: Any, prefix: str) -> Iterator[Argument]:
    """The fields of a dataclass, those of dataclasses within it included, as tyro names them."""
    hints, said = typing.get_type_hints(kind, include_extras=True), meanings(kind)
    for field in dataclasses.fields(kind):
        bare, marks = _bare(hints[field.name])
        given = next((mark.name for mark in marks if getattr(mark, "name", None) is not None), field.name)
        if dataclasses.is_dataclass(bare):
            yield from _arguments(words, bare, f"{prefix}{given}." if given else prefix)
            continue
        flag = "" if tyro.conf.Positional in marks else f"--{prefix}{given}".replace("_", "-")
        names = NAMES.get((words, field.name))
        choices = tuple(map(str, names())) if names else _choices(bare)
        path = bare is Path or field.name == "grid"
        yield Argument(field.name, flag, bare is not bool, choices, path, said.get(field.name, ""))


def _bare(hint: Any) -> tuple[Any, tuple[Any, ...]]:
    """The type without Annotated, None and the tuple around it; and the marks of Annotated."""
    if typing.get_origin(hint) is typing.Annotated:
        inner, marks = _bare(hint.__origin__)
        return inner, (*marks, *hint.__metadata__)
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        kinds = [one for one in typing.get_args(hint) if one is not type(None)]
        return _bare(kinds[0]) if len(kinds) == 1 else (hint, ())
    if typing.get_origin(hint) is tuple:
        return _bare(typing.get_args(hint)[0])
    return hint, ()


def _choices(bare: Any) -> tuple[str, ...]:
    return tuple(map(str, typing.get_args(bare))) if typing.get_origin(bare) is Literal else ()
