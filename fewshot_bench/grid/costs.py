"""The cost of a cell in arithmetic, counted without running it. It is the same on every machine.

A network is counted once, and a learner's work on a task once for each kind of epoch (training/arithmetic.py). Seeds
and inner optimizers share both. The parts of --shard follow from these numbers, so they must not change.
"""

from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from math import ceil
from typing import NamedTuple

from fewshot_bench.backbones import BACKBONES
from fewshot_bench.backbones.functional import FUSED
from fewshot_bench.basics.images import ImageShape
from fewshot_bench.basics.names import find
from fewshot_bench.cells.cell import Cell, Options
from fewshot_bench.data.datasets import dataset_of
from fewshot_bench.inner_optimizers import INNER_OPTIMIZERS
from fewshot_bench.learners import LEARNERS
from fewshot_bench.learners.base import BatchNorm, Learner, as_learner
from fewshot_bench.learners.model import build
from fewshot_bench.training.arithmetic import (
    META_DEVICE,
    LearnerCall,
    NetworkCost,
    PeakMemory,
    Shape,
    TaskCost,
    costs_by_epoch,
    flop,
    network_cost,
    peak_memory,
    task_cost,
)
from fewshot_bench.training.assembly import count_weights


class Work(NamedTuple):
    """The work of a computation; rates.py turns it into seconds.

    written: numbers that passes through a network write. tensors, weights: the number of learned tensors and values,
    times the number of products with every layer.
    """

    flop: float
    written: float
    tensors: float
    weights: float


class Cost(NamedTuple):
    """The cost of a cell.

    training: of all meta-steps. evaluation: of its validations and its test. network: of a pass through its network.
    remarks: a sentence for each number that was assumed instead of counted.
    """

    training: Work
    evaluation: Work
    network: NetworkCost
    remarks: tuple[str, ...]


Tasks = list[tuple[int, TaskCost]]
"""The number of tasks of each kind, and the cost of one of them."""


def total(parts: Iterable[tuple[float, Work]]) -> Work:
    """The sum of (factor, work) products."""
    flop = written = tensors = weights = 0.0
    for number, work in parts:
        flop, written = flop + number * work.flop, written + number * work.written
        tensors, weights = tensors + number * work.tensors, weights + number * work.weights
    return Work(flop, written, tensors, weights)


def cost(cell: Cell) -> Cost:
    """The cost of a cell from `expand`."""
    return _cost(_alike(cell, inner_optimizer="sgd", inner_optimizer_options=()))


def network_of(cell: Cell) -> NetworkCost:
    """The cost of the cell's network. Raises any error of a network that needs the numbers of tensors."""
    return _network(cell.backbone, cell.backbone_options, dataset_of(cell).shape, cell.ways)


def meta_steps(cell: Cell) -> Tasks:
    """The number of meta-steps of each kind, and the cost of one task of them. Errors of the learner pass through."""
    return _meta_steps(_of_any_network(cell))


def peak_memory_of(cell: Cell) -> PeakMemory | None:
    """The peak memory of one task of the cell's last epoch, or of its test if it has no meta-steps.

    None if it cannot be counted.
    """
    return _held(_alike(cell, backbone="", backbone_options=()))


def validations(cell: Cell) -> int:
    """The number of validations of a cell, each of `evaluation.tasks` tasks; 1 for an untrained cell."""
    return max(1, ceil(cell.training.iterations / cell.training.iterations_per_epoch))


def _alike(cell: Cell, **changes: str | Options) -> Cell:
    """The cell with settings that do not affect the count at fixed values, so that many cells share one count."""
    return replace(cell, seed=0, training=replace(cell.training, init_seed=None), **changes)  # type: ignore[arg-type]


def _of_any_network(cell: Cell) -> Cell:
    return _alike(cell, backbone="", backbone_options=(), inner_optimizer="sgd", inner_optimizer_options=())


@cache
def _cost(cell: Cell) -> Cost:
    remarks = []
    try:
        network = network_of(cell)
    except Exception as error:  # a user's network may need the numbers of tensors
        remarks.append(_remark("backbone", cell.backbone, "two FLOP for each weight and image", error))
        weights = count_weights(cell)
        network = NetworkCost(0, 2 * weights, 0, weights, weights, 1)
    try:
        gradients, predictions = meta_steps(cell), _evaluations(_of_any_network(cell))
    except Exception as error:  # a user's learner may need more than three layers
        remarks.append(_remark("learner", cell.learner, "what MAML takes", error))
        gradients, predictions = _as_maml(cell)
    size = cell.training.tasks_per_batch
    return Cost(
        training=total((number * size, _work(network, task)) for number, task in gradients),
        evaluation=total((number, _work(network, task)) for number, task in predictions),
        network=network,
        remarks=tuple(remarks),
    )


@cache
def _network(name: str, options: Options, image: ImageShape, ways: int) -> NetworkCost:
    make = find("backbone", name, BACKBONES)
    model = build(lambda: make(image, ways, **dict(options)), ways, seed=0, device=META_DEVICE, operations=FUSED)
    return network_cost(model, image, ways)


def _work(network: NetworkCost, task: TaskCost) -> Work:
    """The work of one task."""
    return Work(
        flop=flop(network, task),
        written=task.others * network.written,
        tensors=task.products * network.tensors,
        weights=task.products * network.weights,
    )


@cache
def _meta_steps(cell: Cell) -> Tasks:
    settings, size = cell.training, cell.training.iterations_per_epoch
    if settings.iterations == 0:
        return []
    runs = costs_by_epoch(_learner(cell), _trained_on(cell), settings.inner_steps, validations(cell))
    return [(min(settings.iterations, run.stop * size) - run.start * size, task) for run, task in runs]


@cache
def _evaluations(cell: Cell) -> Tasks:
    """The tasks of validation and test, for each batch norm of the queries."""
    settings, learner = cell.evaluation, _learner(cell)
    own = learner.traits.batch_norm
    members = min(settings.ensemble, validations(cell))
    counts: dict[BatchNorm, int] = {own: settings.tasks * (validations(cell) + members)}
    if settings.both_batch_norms:
        counts["inductive" if own == "transductive" else "transductive"] = settings.tasks * members
    last, shape = validations(cell) - 1, _tested_on(cell)
    calls = [(count, LearnerCall(cell.test_steps, last, batch_norm)) for batch_norm, count in counts.items()]
    return [(count, task_cost(learner, shape, call)) for count, call in calls]


@cache
def _held(cell: Cell) -> PeakMemory | None:
    rule = find("inner optimizer", cell.inner_optimizer, INNER_OPTIMIZERS)(**dict(cell.inner_optimizer_options))
    last = validations(cell) - 1
    try:
        if cell.training.iterations == 0:
            own = _learner(cell).traits.batch_norm
            return peak_memory(_learner(cell), rule, _tested_on(cell), LearnerCall(cell.test_steps, last, own))
        return peak_memory(_learner(cell), rule, _trained_on(cell), LearnerCall(cell.training.inner_steps, last))
    except Exception:  # as in _cost, which adds a remark
        return None


def _as_maml(cell: Cell) -> tuple[Tasks, Tasks]:
    """The meta-steps and evaluations of second-order MAML, for a learner that cannot be counted."""
    trained = _assumed(cell.train_ways, 9 * cell.training.inner_steps, cell.train_shots, 3, cell.training.queries)
    tested = _assumed(cell.ways, 3 * cell.test_steps, cell.shots, 1, cell.test_queries)
    members = min(cell.evaluation.ensemble, validations(cell))
    count = cell.evaluation.tasks * (validations(cell) + members)
    return [(cell.training.iterations, trained)], [(count, tested)]


def _assumed(ways: int, of_support: int, shots: int, of_queries: int, queries: int) -> TaskCost:
    """The assumed cost of a task. of_support, of_queries: passes of each image through every layer."""
    images = ways * (of_support * shots + of_queries * queries)
    return TaskCost(images, images, 2 * ways * images, of_support + of_queries)


def _learner(cell: Cell) -> Learner:
    return as_learner(find("learner", cell.learner, LEARNERS)(**dict(cell.learner_options)))


def _trained_on(cell: Cell) -> Shape:
    return Shape(cell.train_ways, cell.train_shots, cell.training.queries, _classes(cell))


def _tested_on(cell: Cell) -> Shape:
    return Shape(cell.ways, cell.shots, cell.test_queries, _classes(cell))


def _classes(cell: Cell) -> int:
    return dataset_of(cell).sizes(cell.split).train


def _remark(kind: str, name: str, instead: str, error: Exception) -> str:
    first = str(error).splitlines()[0] if str(error) else type(error).__name__
    return f"{kind} {name!r} could not be counted, so it is taken for {instead} ({first})."
