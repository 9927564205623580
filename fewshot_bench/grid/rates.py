"""From arithmetic to seconds and memory, on the one machine where both were measured: two cores of an AMD EPYC.

Networks this small do not go by their arithmetic alone: vgg does five times the FLOP a second of densenet-8. So what a
pass writes, and each tensor and weight that a product takes, have rates of their own, fitted by least squares of
logarithms to the figures of docs/performance.md below; tests/grid/test_rates.py holds how far they are off.
Another machine is faster or slower by some factor, and so is another torch; no GPU was measured.
"""

from typing import NamedTuple

from fewshot_bench.grid.costs import Cost
from fewshot_bench.grid.work import Work
from fewshot_bench.training.plan import Plan
from fewshot_bench.training.settings import NO_INNER_OPTIMIZER, Cell

MACHINE = "two cores of an AMD EPYC (docs/performance.md)"

WORST_SECONDS, WORST_MEMORY = 1.3, 1.45
"""Factors by which the rates below are off at most, on the figures that they were fitted to."""

_PLAIN = (NO_INNER_OPTIMIZER, "sgd")
"""Inner optimizers that cost next to nothing; the others are all taken for Adam, the only one of them measured."""


class Figure(NamedTuple):
    """One measurement: MAML++ without the multi-step loss, 8 tasks, 1 query a class, 5 inner steps, traced.

    seconds: a meta-step of both cores; mebibytes: the main process's peak above what it had before, if measured.
    """

    dataset: str
    backbone: str
    ways: int
    shots: int
    inner_optimizer: str
    seconds: float
    mebibytes: float | None


FIGURES = (  # docs/performance.md: "A meta-step of the paper's recipe"
    Figure("omniglot", "vgg", 5, 1, "sgd", 0.20, 100),
    Figure("omniglot", "resnet-4", 5, 1, "sgd", 0.50, 257),
    Figure("omniglot", "resnet-8", 5, 1, "sgd", 1.03, 480),
    Figure("omniglot", "resnet-12", 5, 1, "sgd", 1.53, 753),
    Figure("omniglot", "densenet-8", 5, 1, "sgd", 0.27, 183),
    Figure("mini-imagenet", "vgg", 5, 1, "sgd", 1.77, 446),
    Figure("mini-imagenet", "vgg", 5, 5, "sgd", 8.37, 2037),
    Figure("mini-imagenet", "resnet-4", 5, 1, "sgd", 1.64, 350),
    Figure("mini-imagenet", "resnet-4", 5, 5, "sgd", 6.54, 843),
    Figure("mini-imagenet", "densenet-8", 5, 1, "sgd", 1.69, 470),
    # "Against other libraries", there in tasks a second
    Figure("omniglot", "vgg", 20, 1, "sgd", 8 / 12.4, None),
    Figure("omniglot", "vgg", 5, 1, "adam", 8 / 34.6, None),
    Figure("omniglot", "resnet-4", 5, 1, "adam", 8 / 9.33, None),
    Figure("omniglot", "densenet-8", 5, 1, "adam", 8 / 20.3, None),
)

_SECONDS = Work(flop=1.6e-12, written=2.1e-10, tensors=6.4e-6, weights=7.1e-10)
_SECONDS_OF_ADAM = Work(flop=0, written=0, tensors=5.3e-6, weights=6.8e-10)  # beside those
_MEBIBYTES, _OF_IMAGES, _OF_WEIGHTS = 91.0, 0.53, 2.4  # at the least; shares of what is counted


def seconds(cell: Cell, work: Work) -> float:
    """Of so much of a cell's work, on MACHINE."""
    rates = [_SECONDS, *([] if cell.inner_optimizer in _PLAIN else [_SECONDS_OF_ADAM])]
    return sum(part * rate for one in rates for part, rate in zip(work, one, strict=True))


def mebibytes(cost: Cost, tasks: int) -> float | None:
    """What a process takes at most, above what it had, with so many tasks in one program; None where unknown."""
    if cost.held is None:
        return None
    a_task = (
        _OF_IMAGES * cost.held.images * cost.network.written + _OF_WEIGHTS * cost.held.copies * cost.network.weights
    )
    return _MEBIBYTES + tasks * a_task * 4 / 2**20


def of_plan(cost: Cost, plan: Plan) -> float | None:
    """MiB of all processes of a plan; None where that was never measured: on a GPU, or with inner steps recomputed."""
    each = mebibytes(cost, plan.tasks_at_once * plan.replicas)
    return None if each is None or plan.device != "cpu" or plan.recompute else plan.workers * each
