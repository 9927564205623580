"""From arithmetic to seconds and memory, on the one machine where both were measured: two cores of an AMD EPYC.

Networks this small do not go by their arithmetic alone: vgg does five times the FLOP a second of densenet-8. So what a
pass writes, and each tensor and weight that a product takes, have rates of their own, fitted by least squares of
logarithms to the figures of docs/performance.md below; tests/grid/test_rates.py holds how far they are off. 36 cells of
an older run on one core, of three learners (results/reference/learners-cpu), go at one pace within a factor of 1.5.
Another machine is faster or slower by some factor, and so is another torch; no GPU was measured.
"""

from math import ceil
from typing import NamedTuple

from fewshot_bench.cells.cell import NO_INNER_OPTIMIZER, Cell
from fewshot_bench.grid.costs import Cost, cost, held_of
from fewshot_bench.grid.work import Work
from fewshot_bench.training.plan import Plan, ProgramKind

CORES = 2
MACHINE = "two cores of an AMD EPYC (docs/performance.md)"

WORST_SECONDS, WORST_MEMORY = 1.3, 2.0
"""Factors by which the rates below are off at most, on the figures that they were fitted to."""

_PLAIN = (NO_INNER_OPTIMIZER, "sgd")
"""Inner optimizers that cost next to nothing; the others are all taken for Adam, the only one of them measured."""


class Figure(NamedTuple):
    """One measurement of time: MAML++ without the multi-step loss, 8 tasks, 1 query a class, 5 inner steps, traced.

    seconds: a meta-step of both cores; mebibytes: the main process's peak above what it had before, where measured.
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


class Kept(NamedTuple):
    """One measurement of memory: the peak of one process, as above, Omniglot or mini-ImageNet 5-way 1-shot.

    Reptile's tasks have 10 shots. Measured as benchmarks/meta_steps.py does, over two meta-steps, on made-up images.
    """

    dataset: str
    learner: str
    backbone: str
    inner_optimizer: str
    program: ProgramKind
    tasks_at_once: int
    mebibytes: float


KEPT = (
    Kept("omniglot", "maml++", "vgg", "adam", "traced", 1, 185),
    Kept("omniglot", "maml++", "resnet-4", "adam", "traced", 1, 521),
    Kept("omniglot", "imaml", "vgg", "sgd", "traced", 1, 107),
    Kept("omniglot", "reptile", "resnet-4", "sgd", "traced", 1, 159),
    Kept("omniglot", "protonet", "vgg", "none", "traced", 1, 53),
    Kept("omniglot", "maml++", "vgg", "sgd", "eager", 1, 253),
    Kept("omniglot", "maml++", "vgg", "sgd", "eager", 8, 1465),
    Kept("omniglot", "maml++", "resnet-4", "sgd", "eager", 4, 783),
    Kept("omniglot", "maml++", "densenet-8", "sgd", "eager", 4, 522),
    Kept("omniglot", "imaml", "resnet-4", "sgd", "eager", 4, 403),
    Kept("omniglot", "reptile", "vgg", "adam", "eager", 4, 203),
    Kept("mini-imagenet", "maml++", "vgg", "sgd", "eager", 1, 1951),
)

_SECONDS = Work(flop=1.6e-12, written=2.1e-10, tensors=6.4e-6, weights=7.1e-10)
_SECONDS_OF_ADAM = Work(flop=0, written=0, tensors=5.3e-6, weights=6.8e-10)  # beside those
_TRACED, _EAGER = (75.0, 0.56, 1.86), (22.0, 2.4, 1.3)  # MiB at the least; shares of the activations and weights held


def seconds(cell: Cell, work: Work) -> float:
    """Of so much of a cell's work, on both cores of MACHINE."""
    rates = [_SECONDS, *([] if cell.inner_optimizer in _PLAIN else [_SECONDS_OF_ADAM])]
    return sum(part * rate for one in rates for part, rate in zip(work, one, strict=True))


def training(cell: Cell, whole: Cost) -> float:
    """Seconds of all meta-steps, on MACHINE: a core waits where a batch does not share out evenly, as a single task."""
    tasks = cell.training.tasks_per_batch
    return seconds(cell, whole.training) * CORES * ceil(tasks / CORES) / tasks


def mebibytes(cell: Cell, plan: Plan) -> float | None:
    """What all processes of a plan take at most, above what Python and torch do.

    None where that was never measured: on a GPU, with inner steps recomputed, or of what cannot be counted.
    """
    counted, held = cost(cell), held_of(cell)
    if held is None or counted.remarks or plan.device != "cpu" or plan.recompute:
        return None
    least, of_images, of_weights = _EAGER if plan.program == "eager" else _TRACED
    a_task = of_images * held.images * counted.network.written + of_weights * held.copies * counted.network.weights
    return plan.workers * (least + plan.tasks_at_once * plan.replicas * a_task * 4 / 2**20)
