"""The learners of a grid: one file a learner, and the model they adapt."""

from collections.abc import Callable
from functools import partial

from fewshot_bench.learners import finetune, imaml, imaml_released, maml, maml_family, protonet, reptile
from fewshot_bench.learners.base import Learner

_FILES = (
    (maml.maml, maml_family.NAMES),
    (imaml.imaml, imaml.NAMES),
    (imaml_released.imaml_released, imaml_released.NAMES),
    (reptile.reptile, reptile.NAMES),
    (protonet.protonet, protonet.NAMES),
    (finetune.finetune, finetune.NAMES),
)
"""A line a file: its function, and its names in a grid with what each says of itself."""

LEARNERS: dict[str, Callable[..., Learner]] = {
    name: partial(make, **about.get("options", {})) for make, names in _FILES for name, about in names.items()
}
"""Name in a grid -> factory. Its keyword arguments are what `[learners.<name>]` may set."""
