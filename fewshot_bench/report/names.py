"""How tables and figures name things: datasets, tasks, models, values, numbers at ticks."""

import json
from collections.abc import Mapping
from typing import Any

from fewshot_bench.basics.about import datasets
from fewshot_bench.cells.cell import NO_INNER_OPTIMIZER

TO = " -> "
"""Between the dataset of training and another one of the test."""

INNER_OPTIMIZERS = {"adam": "Adam", "sgd": "SGD"}
"""Inner optimizers as the paper prints them; others are printed as the grid names them."""


def dataset(name: str) -> str:
    """A dataset's name in print, such as "mini-ImageNet"; others are printed as the grid names them."""
    known = datasets()
    return TO.join(known[each]["title"] if each in known else each for each in name.split(TO))


def task(axes: Mapping[str, Any]) -> str:
    """Such as "Omniglot 5-way 1-shot"."""
    return f"{dataset(axes['dataset'])} {axes['ways']}-way {axes['shots']}-shot"


def optimizer(axes: Mapping[str, Any]) -> str:
    """The inner optimizer, as the paper prints it."""
    return INNER_OPTIMIZERS.get(axes["inner_optimizer"], str(axes["inner_optimizer"]))


def with_optimizer(axes: Mapping[str, Any]) -> str:
    """Backbone and inner optimizer, such as "vgg + SGD" or "vgg + none"."""
    return f"{axes['backbone']} + {optimizer(axes)}"


def model(axes: Mapping[str, Any]) -> str:
    """Such as "vgg + SGD"; without an inner loop the backbone alone."""
    return with_optimizer(axes) if axes["inner_optimizer"] != NO_INNER_OPTIMIZER else str(axes["backbone"])


def with_setting(name: str, setting: str) -> str:
    """A name, with the setting in brackets if there is one."""
    return f"{name} ({setting})" if setting else name


def with_commas(*words: str) -> str:
    """The words that are not empty, with commas between them."""
    return ", ".join(filter(None, words))


def text_of(value: object) -> str:
    """A setting's value: hashes are cut short; a value that a configuration does not name is at its default."""
    if value is None:
        return "default"
    if isinstance(value, bool | list):
        return json.dumps(value)
    text = str(value)
    return text[:8] if len(text) >= 16 and set(text) <= set("0123456789abcdef") else text


def duration(seconds: float) -> str:
    """Seconds as one number with a unit that suits it, such as "1.5 h"."""
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def short(value: float) -> str:
    """A number at a tick: thousands as k, millions as M, no trailing zeros."""
    for size, unit in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"
