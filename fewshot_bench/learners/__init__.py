"""The learners of a grid: one file a learner, and the model they adapt."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from fewshot_bench.basics.about import names_in
from fewshot_bench.basics.names import lazy

if TYPE_CHECKING:
    from fewshot_bench.learners.base import Learner

_FILES = {
    "maml:maml": "maml_family",
    "imaml:imaml": "imaml",
    "imaml_released:imaml_released": "imaml_released",
    "reptile:reptile": "reptile",
    "protonet:protonet": "protonet",
    "finetune:finetune": "finetune",
}
"""A line a learner: file and function -> the file with its names and what is said of each (basics/about.py)."""

LEARNERS: dict[str, "Callable[..., Learner]"] = {
    name: lazy(f"fewshot_bench.learners.{function}", **about.get("options", {}))
    for function, file in _FILES.items()
    for name, about in names_in(file).items()
}
"""Name in a grid -> factory. Its keyword arguments are what `[learners.<name>]` may set."""
