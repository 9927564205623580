"""The learners of a grid: one file a learner, and the model they adapt."""

from collections.abc import Callable

from fewshot_bench.learners.base import Learner
from fewshot_bench.learners.maml_family import MAML_FAMILY

LEARNERS: dict[str, Callable[..., Learner]] = {**MAML_FAMILY}
"""Name in a grid -> factory. Its keyword arguments are what `[learners.<name>]` may set."""
