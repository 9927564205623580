"""The rules that adapt weights to a task: one file a rule, all of them pure functions of tensors."""

from collections.abc import Callable

from fewshot_bench.inner_optimizers.adam import adam
from fewshot_bench.inner_optimizers.base import InnerOptimizer
from fewshot_bench.inner_optimizers.sgd import sgd

INNER_OPTIMIZERS: dict[str, Callable[..., InnerOptimizer]] = {"sgd": sgd, "adam": adam}
"""Name in a grid -> factory. Its keyword arguments are what `[inner_optimizers.<name>]` may set."""
