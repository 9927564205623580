"""Rates that turn counted work into seconds and memory, measured on one machine: two cores of an AMD EPYC.

In networks this small, time does not depend on arithmetic alone: vgg does five times the FLOP a second of densenet-8.
So numbers written, and each tensor and weight in a product, have their own rates. They were fitted by least squares of
logarithms to those figures of docs/performance.md that tests/grid/test_rates.py lists. That test also checks their
errors. 36 cells of an older run on one core, of three learners (results/reference/learners-cpu), go at one pace within
a factor of 1.5. Another machine or torch is faster or slower by some factor; no GPU was measured.
"""

from math import ceil

from fewshot_bench.cells.cell import NO_INNER_OPTIMIZER, Cell
from fewshot_bench.grid.costs import Cost, Work, cost, peak_memory_of
from fewshot_bench.training.plan import Plan

CORES = 2
MACHINE = "two cores of an AMD EPYC (docs/performance.md)"

WORST_SECONDS, WORST_MEMORY = 1.3, 2.0
"""Factors by which the rates below are off at most, on the figures that they were fitted to."""

_PLAIN = (NO_INNER_OPTIMIZER, "sgd")
"""Inner optimizers of negligible cost. All others are taken for Adam, the only other one that was measured."""

_SECONDS = Work(flop=1.6e-12, written=2.1e-10, tensors=6.4e-6, weights=7.1e-10)
_SECONDS_OF_ADAM = Work(flop=0, written=0, tensors=5.3e-6, weights=6.8e-10)  # in addition
_TRACED, _EAGER = (75.0, 0.56, 1.86), (22.0, 2.4, 1.3)  # smallest MiB; factors of activations and of weights


def seconds(cell: Cell, work: Work) -> float:
    """Seconds of some work of a cell on both cores of MACHINE."""
    rates = [_SECONDS, *([] if cell.inner_optimizer in _PLAIN else [_SECONDS_OF_ADAM])]
    return sum(part * rate for by_kind in rates for part, rate in zip(work, by_kind, strict=True))


def training(cell: Cell, whole: Cost) -> float:
    """Seconds of all meta-steps on MACHINE. A core waits if the tasks of a batch do not share out evenly."""
    tasks = cell.training.tasks_per_batch
    return seconds(cell, whole.training) * CORES * ceil(tasks / CORES) / tasks


def mebibytes(cell: Cell, plan: Plan) -> float | None:
    """Peak memory of all processes of a plan, in MiB, above that of Python and torch.

    None if it was never measured (on a GPU, or with inner steps recomputed), or if the cell cannot be counted.
    """
    counted, held = cost(cell), peak_memory_of(cell)
    if held is None or counted.remarks or plan.device != "cpu" or plan.recompute:
        return None
    least, of_images, of_weights = _EAGER if plan.program == "eager" else _TRACED
    a_task = of_images * held.images * counted.network.written + of_weights * held.copies * counted.network.weights
    return plan.workers * (least + plan.tasks_at_once * plan.replicas * a_task * 4 / 2**20)
