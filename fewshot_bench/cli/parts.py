"""The parts that a user names (backbones, inner optimizers, learners): found by name, made, and described.

A part's factory says all of itself: its first sentence, and its options with types, defaults and meanings.
"""

import inspect
import json
import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

import docstring_parser

from fewshot_bench.basics.errors import BenchError
from fewshot_bench.basics.names import find
from fewshot_bench.basics.options import bare, preset_options, problems, schema, type_name, understood
from fewshot_bench.grid.files import make_importable, parse_assignment

Kind = Literal["backbone", "inner-optimizer", "learner"]
"""What a part is, as it is typed after `new`, `check` and `list`."""

SOURCE_WIDTH = 110  # a docstring's lines in this package go on to about there


def factory(kind: str, name: str) -> Callable[..., Any]:
    """What makes the backbone, inner optimizer or learner of that name; import paths begin in the current folder.

    Raises BenchError if there is none.
    """
    from fewshot_bench.grid.axes import SEAMS  # torch takes seconds to load; --help need not

    make_importable(Path.cwd())
    axis = kind.replace("-", "_")
    found: Callable[..., Any] = find(axis.replace("_", " "), name, SEAMS[axis])
    return found


def with_options(make: Callable[..., Any], assignments: Sequence[str], where: str) -> Callable[..., Any]:
    """The factory with options as KEY=VALUE, values as in a grid file. Raises BenchError for what it does not take."""
    values: dict[str, Any] = {}
    for text in assignments:
        values |= parse_assignment(text)
    known = schema(make)
    faults = problems(values, known, where)
    if faults:
        raise BenchError(" ".join(faults))
    return partial(make, **understood(values, known))


def docs(factory: Callable[..., Any]) -> str:
    """Its docstring, without indentation; empty if there is none."""
    return inspect.getdoc(bare(factory)) or ""


def without_arguments(text: str) -> str:
    """A docstring up to its section "Args:", whose entries stand with the options."""
    return re.split(r"^(?:Args|Raises):$", text, maxsplit=1, flags=re.MULTILINE)[0].rstrip()


def sentence(factory: Callable[..., Any]) -> str:
    """The first sentence of its docstring, and what a partial has set."""
    settings = [f"{name} = {shown(value)}" for name, value in preset_options(factory).items()]
    first = first_sentence(docs(factory))
    return f"{first} With {', '.join(settings)}." if settings else first


def first_sentence(text: str) -> str:
    """Up to the first full stop that a capital letter or nothing follows, within the first paragraph."""
    return re.split(r"(?<=\.)\s+(?=[A-Z])", " ".join(text.partition("\n\n")[0].split()))[0]


def unbroken(text: str) -> list[str]:
    """Lines of a docstring, joined if one ended only because the next word had no room in the source."""
    joined: list[str] = []
    before = ""
    for line in text.splitlines():
        opens = not line[:1].strip() or re.match(r"\w+(, \w+)*: ", line)  # a paragraph, a formula or an entry
        if before and not opens and len(before) + len(line.split()[0]) >= SOURCE_WIDTH:
            joined[-1] += f" {line}"
        else:
            joined.append(line)
        before = line
    return joined


def shown(value: Any) -> str:
    """A value as a grid file has it."""
    return "absent" if value is None else json.dumps(value, ensure_ascii=False)


def option_rows(factory: Callable[..., Any]) -> list[tuple[str, str]]:
    """A row an option: name, default and type in columns; and what it means, if its docstring says so."""
    said = meanings(bare(factory))
    rows = [
        (name, shown(option.default), type_name(option.type), said.get(name, ""))
        for name, option in schema(factory).items()
    ]
    names, defaults, kinds = (max((len(row[i]) for row in rows), default=0) for i in range(3))
    return [(f"{n:{names}} = {d:{defaults}}  {k:{kinds}}  ", m) for n, d, k, m in rows]


def meanings(made_by: Callable[..., Any]) -> dict[str, str]:
    """Option -> the first sentence of what is said of it: under a dataclass's field, or in Args of a docstring."""
    said = docstring_parser.parse_from_object(made_by).params
    return {one.arg_name: first_sentence(one.description or "") for one in said}
