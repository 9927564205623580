"""How the page names things: tasks, models, numbers, times."""

from collections.abc import Mapping
from typing import Any

from fewshot_bench.cells.cell import NO_INNER_OPTIMIZER
from fewshot_bench.cells.contents import SHOWN_AS
from fewshot_bench.report.headline import NAMES


def task(axes: Mapping[str, Any]) -> str:
    """Such as "Omniglot 5-way 1-shot"."""
    return f"{NAMES.get(axes['dataset'], axes['dataset'])} {axes['ways']}-way {axes['shots']}-shot"


def optimizer(axes: Mapping[str, Any]) -> str:
    """The inner optimizer, as the paper prints it."""
    return SHOWN_AS.get(axes["inner_optimizer"], str(axes["inner_optimizer"]))


def model(axes: Mapping[str, Any]) -> str:
    """Such as "vgg + SGD"; without an inner loop the network alone."""
    inner = axes["inner_optimizer"] != NO_INNER_OPTIMIZER
    return f"{axes['backbone']} + {optimizer(axes)}" if inner else str(axes["backbone"])


def also(*words: str) -> str:
    """The words that are not empty, with commas."""
    return ", ".join(filter(None, words))


def duration(seconds: float) -> str:
    """Seconds in the unit that a reader would take."""
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def short(value: float) -> str:
    """A number at a tick: thousands as k, millions as M, no zeros that say nothing."""
    for size, unit in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"
