"""The rules that adapt weights to a task: one file a rule, all of them pure functions of tensors."""

from collections.abc import Callable

from fewshot_bench.inner_optimizers.adadelta import adadelta
from fewshot_bench.inner_optimizers.adagrad import adagrad
from fewshot_bench.inner_optimizers.adam import adam
from fewshot_bench.inner_optimizers.adam_higher2019 import adam_higher2019
from fewshot_bench.inner_optimizers.adamax import adamax
from fewshot_bench.inner_optimizers.adamw import adamw
from fewshot_bench.inner_optimizers.amsgrad import amsgrad
from fewshot_bench.inner_optimizers.asgd import asgd
from fewshot_bench.inner_optimizers.base import InnerOptimizer
from fewshot_bench.inner_optimizers.none import none
from fewshot_bench.inner_optimizers.radam import radam
from fewshot_bench.inner_optimizers.rmsprop import rmsprop
from fewshot_bench.inner_optimizers.rprop import rprop
from fewshot_bench.inner_optimizers.sgd import sgd

INNER_OPTIMIZERS: dict[str, Callable[..., InnerOptimizer]] = {
    "sgd": sgd,
    "adam": adam,
    "adamw": adamw,
    "amsgrad": amsgrad,
    "radam": radam,
    "adamax": adamax,
    "rmsprop": rmsprop,
    "adagrad": adagrad,
    "adadelta": adadelta,
    "asgd": asgd,
    "rprop": rprop,
    "adam-higher2019": adam_higher2019,
    "none": none,
}
"""Name in a grid -> factory. Its keyword arguments are what `[inner_optimizers.<name>]` may set."""
