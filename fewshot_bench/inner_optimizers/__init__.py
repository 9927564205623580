"""Inner optimizers: the update rules that adapt weights to a task. One file per rule; all are pure functions."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from fewshot_bench.basics.names import lazy

if TYPE_CHECKING:
    from fewshot_bench.inner_optimizers.base import InnerOptimizer

INNER_OPTIMIZERS: dict[str, "Callable[..., InnerOptimizer]"] = {
    "sgd": lazy("fewshot_bench.inner_optimizers.sgd:sgd"),
    "adam": lazy("fewshot_bench.inner_optimizers.adam:adam"),
    "adamw": lazy("fewshot_bench.inner_optimizers.adamw:adamw"),
    "amsgrad": lazy("fewshot_bench.inner_optimizers.amsgrad:amsgrad"),
    "radam": lazy("fewshot_bench.inner_optimizers.radam:radam"),
    "adamax": lazy("fewshot_bench.inner_optimizers.adamax:adamax"),
    "rmsprop": lazy("fewshot_bench.inner_optimizers.rmsprop:rmsprop"),
    "adagrad": lazy("fewshot_bench.inner_optimizers.adagrad:adagrad"),
    "adadelta": lazy("fewshot_bench.inner_optimizers.adadelta:adadelta"),
    "asgd": lazy("fewshot_bench.inner_optimizers.asgd:asgd"),
    "rprop": lazy("fewshot_bench.inner_optimizers.rprop:rprop"),
    "adam-higher2019": lazy("fewshot_bench.inner_optimizers.adam_higher2019:adam_higher2019"),
    "none": lazy("fewshot_bench.inner_optimizers.none:none"),
}
"""Name in a grid -> factory. Its keyword arguments are what `[inner_optimizers.<name>]` may set."""
