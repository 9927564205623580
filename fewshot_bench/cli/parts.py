"""The parts that a user names (backbones, learners, datasets, ...): their factories, options and descriptions.

All descriptions come from the factory: its first sentence, and its options with types, defaults and meanings.
"""

import inspect
import json
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

import docstring_parser

from fewshot_bench.basics.errors import BenchError
from fewshot_bench.basics.names import find
from fewshot_bench.basics.options import Option, bare, preset_options, problems, schema, type_name, understood
from fewshot_bench.grid.files import make_importable, parse_assignment

Kind = Literal["backbone", "inner-optimizer", "learner", "dataset"]
"""The kind of a part, as typed after `new`, `check` and `list`."""

SOURCE_WIDTH = 110  # about the length of a docstring's lines in this package


def factory(kind: str, name: str) -> Callable[..., Any]:
    """The factory of that name and kind. Import paths begin in the current folder.

    Raises BenchError if there is none.
    """
    from fewshot_bench.grid.axes import SEAMS  # torch takes seconds to load; --help need not

    make_importable(Path.cwd())
    axis = kind.replace("-", "_")
    make: Callable[..., Any] = find(axis.replace("_", " "), name, SEAMS[axis])
    return make


def with_options(make: Callable[..., Any], assignments: Sequence[str], where: str) -> Callable[..., Any]:
    """The factory with options given as KEY=VALUE, as in a grid file. Raises BenchError for invalid options."""
    return partial(make, **option_values(assignments, schema(make), where))


def option_values(assignments: Sequence[str], known: Mapping[str, Option], where: str) -> dict[str, Any]:
    """Options given as KEY=VALUE, as in a grid file. Raises BenchError for invalid options."""
    values: dict[str, Any] = {}
    for text in assignments:
        values |= parse_assignment(text)
    faults = problems(values, known, where)
    if faults:
        raise BenchError(" ".join(faults))
    return understood(values, known)


def docstring(factory: Callable[..., Any]) -> str:
    """The factory's docstring without indentation; empty if there is none."""
    return inspect.getdoc(bare(factory)) or ""


def without_arguments(text: str) -> str:
    """A docstring without its sections "Args:" and "Raises:"; options are described separately."""
    return re.split(r"^(?:Args|Raises):$", text, maxsplit=1, flags=re.MULTILINE)[0].rstrip()


def sentence(factory: Callable[..., Any]) -> str:
    """The first sentence of the factory's docstring, and the options that a partial has set."""
    settings = [f"{name} = {as_toml(value)}" for name, value in preset_options(factory).items()]
    first = first_sentence(docstring(factory))
    return f"{first} With {', '.join(settings)}." if settings else first


def first_sentence(text: str) -> str:
    """The first sentence of a text: up to the first full stop before a capital letter, within the first paragraph."""
    return re.split(r"(?<=\.)\s+(?=[A-Z])", " ".join(text.partition("\n\n")[0].split()))[0]


def unbroken(text: str) -> list[str]:
    """The lines of a docstring, joined if a line ended only because the source line was full."""
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


def as_toml(value: Any) -> str:
    """A value as written in a grid file."""
    return "absent" if value is None else json.dumps(value, ensure_ascii=False)


def option_rows(factory: Callable[..., Any]) -> list[tuple[str, str]]:
    """A row for each option: name, default and type in columns, and its meaning from the docstring."""
    described = option_meanings(bare(factory))
    rows = [
        (name, as_toml(option.default), type_name(option.type), described.get(name, ""))
        for name, option in schema(factory).items()
    ]
    names, defaults, kinds = (max((len(row[i]) for row in rows), default=0) for i in range(3))
    return [(f"{n:{names}} = {d:{defaults}}  {k:{kinds}}  ", m) for n, d, k, m in rows]


def option_meanings(made_by: Callable[..., Any]) -> dict[str, str]:
    """Option -> the first sentence of its description, under a dataclass's field or in a docstring's Args."""
    parameters = docstring_parser.parse_from_object(made_by).params
    return {parameter.arg_name: first_sentence(parameter.description or "") for parameter in parameters}
