"""Whether a grid can set the options of a factory: the same test for a backbone, an inner optimizer and a learner."""

import inspect
from collections.abc import Callable
from typing import Any

from fewshot_bench.basics.options import fits, frozen, schema, type_name
from fewshot_bench.conformance.findings import Outcome, listed


def settable(factory: Callable[..., Any], supplied: int) -> Outcome:
    """supplied: positional arguments that the program gives; every other one is an option, after a `*`."""
    parameters = inspect.signature(factory).parameters.values()
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    for parameter in positional[supplied:]:
        if parameter.default is parameter.empty:
            return False, f"nothing gives it the argument `{parameter.name}`. Write it after a `*`, with a default."
        return None, f"no grid can set `{parameter.name}`. Write it after a `*`, with a type and its default."
    known = schema(factory)
    for name, option in known.items():
        if option.default is not None and not fits(frozen(option.default), option.type):
            return False, f"`{name}` starts as {option.default!r}, but has to be {type_name(option.type)}."
    return True, listed((f"{name} = {option.default!r}" for name, option in known.items()), most=6)
