"""The learners that a grid can name, one file for each, and the model that they adapt."""

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
"""A line for each learner: file and function -> the file that describes its names in a grid (basics/about.py)."""

LEARNERS: dict[str, "Callable[..., Learner]"] = {
    name: lazy(f"fewshot_bench.learners.{function}", **about.get("options", {}))
    for function, file in _FILES.items()
    for name, about in names_in(file).items()
}
"""Name in a grid -> factory. Its keyword arguments are the options that `[learners.<name>]` may set."""
