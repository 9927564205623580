"""`fewshot-bench list`: the names that a grid can use."""

import itertools
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import tyro

from fewshot_bench.basics.about import learners
from fewshot_bench.basics.counting import counted
from fewshot_bench.basics.errors import BenchError
from fewshot_bench.basics.names import did_you_mean, unknown
from fewshot_bench.cli.parsing import HiddenDefault
from fewshot_bench.cli.parts import (
    docstring,
    factory,
    first_sentence,
    option_rows,
    sentence,
    unbroken,
    without_arguments,
)
from fewshot_bench.cli.terminal import beside, wrapped
from fewshot_bench.grid.files import TABLES, presets
from fewshot_bench.report.console import screen

AXES = {"learners": "learner", "backbones": "backbone", "inner-optimizers": "inner_optimizer", "datasets": "dataset"}
"""Kinds whose names stand for code, and their axes in a grid file."""

KINDS = (*AXES, "presets")


@dataclass(frozen=True)
class Options:
    """Say what there is, a line each; of one kind, with options, their defaults and types; of one name, all about it.

    Examples: fewshot-bench list; fewshot-bench list learners; fewshot-bench list backbone my_nets:tiny
    """

    what: tyro.conf.Positional[HiddenDefault[str | None]] = None
    """learners, backbones, inner-optimizers, datasets or presets; or a name of any kind. Absent: everything."""
    name: tyro.conf.Positional[HiddenDefault[str | None]] = None
    """A name of that kind, or an import path."""


def command(options: Options) -> int:
    """Runs the command; returns the exit status.

    Raises BenchError for a word that is neither a kind nor a name.
    """
    width, _ = screen(sys.stdout)
    print("\n".join(_lines(options, width)))
    return 0


def _lines(options: Options, width: int) -> list[str]:
    if options.what is None:
        return [line for kind in KINDS for line in (kind, *_rows(kind, width, "  "), "")][:-1]
    kind = _kind(options.what)
    if kind is not None:
        return _rows(kind, width, with_options=True) if options.name is None else _about(kind, options.name, width)
    known = {name: kind for kind in reversed(KINDS) for name in _sentences(kind)}
    if options.what not in known:
        near = did_you_mean(options.what, [*KINDS, *known])
        raise BenchError(f"there is nothing called {options.what!r}{near}. Kinds: {', '.join(KINDS)}.")
    return _about(known[options.what], options.what, width)


def _kind(word: str) -> str | None:
    """The kind that a word names, in singular or plural, spelled as in a grid file or on the command line."""
    plural = word.replace("_", "-").rstrip("s") + "s"
    return plural if plural in KINDS else None


def _sentences(kind: str) -> dict[str, str]:
    if kind == "presets":
        return {name: first_sentence(_comment(text)) for name, text in presets().items()}
    if kind == "datasets":
        return {name: _facts(name) for name in _factories(kind)}
    titles = {name: f"{about['title']}." for name, about in learners().items()} if kind == "learners" else {}
    return {name: titles.get(name, sentence(make)) for name, make in _factories(kind).items()}


def _factories(kind: str) -> Mapping[str, Callable[..., Any]]:
    from fewshot_bench.grid.axes import SEAMS  # torch takes seconds to load; --help need not

    return SEAMS[AXES[kind]]


def _rows(kind: str, width: int, indent: str = "", *, with_options: bool = False) -> list[str]:
    sentences, lines = _sentences(kind), []
    longest = max(map(len, sentences))
    for name, text in sentences.items():
        lines += beside(f"{indent}{name:{longest}}  ", text, width, f"{indent}  ")
        if with_options and kind in AXES:
            lines += _options(_factories(kind)[name], width)
    return lines


def _options(make: Callable[..., Any], width: int) -> list[str]:
    return [line for head, text in option_rows(make) for line in beside(f"    {head}", text, width, " " * 8)]


def _about(kind: str, name: str, width: int) -> list[str]:
    if kind in AXES:
        make = factory(AXES[kind], name)
        options = _options(make, width)
        heading = f'Options, set in a grid by [{TABLES[AXES[kind]]}."{name}"]:' if options else "No options."
        more = [
            part for line in unbroken(without_arguments(docstring(make)))[1:] for part in wrapped(line, width) or [""]
        ]
        title = [learners()[name]["title"] + "."] if kind == "learners" and name in learners() else []
        facts = [f"{_facts(name)}."] if kind == "datasets" else []
        return [*wrapped(f"{name}: {' '.join([*title, sentence(make), *facts])}", width), *more, "", heading, *options]
    sentences = _sentences(kind)
    if name not in sentences:
        raise BenchError(unknown(kind.removesuffix("s"), name, sentences))
    return presets()[name].splitlines() if kind == "presets" else wrapped(f"{name}  {sentences[name]}", width)


def _facts(dataset: str) -> str:
    """The number of classes and images of a dataset with its default options, their shape, and its class splits."""
    from fewshot_bench.data.datasets import dataset_named

    known = dataset_named(dataset)
    if known.draw_tasks is not None:
        return f"tasks are drawn, with {known.loss.replace('-', ' ')} for a loss; splits {', '.join(known.splits)}"
    each = f" x {counted(known.examples, 'image')}" if known.examples else ", images"
    shape = "x".join(map(str, known.shape))
    return f"{counted(known.classes, 'class')}{each} of {shape}; splits {', '.join(known.splits)}"


def _comment(text: str) -> str:
    """The comment at the beginning of a preset, without "#"."""
    lines = itertools.takewhile(lambda line: line.startswith("#"), text.splitlines())
    return "\n".join(line.removeprefix("#").strip() for line in lines)
