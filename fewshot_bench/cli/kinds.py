"""What the commands for newcomers take: a kind of thing, and a name or an import path of that kind, with options."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

from fewshot_bench.basics.errors import BenchError
from fewshot_bench.basics.names import find
from fewshot_bench.basics.options import problems, schema, understood
from fewshot_bench.grid.files import assigned, make_importable

Kind = Literal["backbone", "inner-optimizer", "learner"]


def factory(kind: str, name: str) -> Callable[..., Any]:
    """What makes the backbone, inner optimizer or learner of that name; import paths begin in the current folder.

    Raises BenchError where there is none.
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
        values |= assigned(text)
    known = schema(make)
    faults = problems(values, known, where)
    if faults:
        raise BenchError(" ".join(faults))
    return partial(make, **understood(values, known))
