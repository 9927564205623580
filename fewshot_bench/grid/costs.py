"""What a cell costs as arithmetic, counted without running it: the same on every machine, whatever is done of the cell.

A network is counted once, and what a learner does with a task once for each kind of epoch (training/passes.py); seeds
and inner optimizers share both.
"""

from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from math import ceil
from typing import NamedTuple

from fewshot_bench.backbones import BACKBONES
from fewshot_bench.backbones.functional import FUSED
from fewshot_bench.basics.names import find
from fewshot_bench.cells.cell import Cell, Options
from fewshot_bench.data.datasets import DATASETS
from fewshot_bench.data.splits import read_split
from fewshot_bench.grid.work import NOTHING, Work, plus, times
from fewshot_bench.inner_optimizers import INNER_OPTIMIZERS
from fewshot_bench.learners import LEARNERS
from fewshot_bench.learners.base import BatchNorm, Learner, as_learner
from fewshot_bench.learners.model import build
from fewshot_bench.training.arithmetic import NOWHERE, Asked, Network, of_network
from fewshot_bench.training.assembly import count_weights
from fewshot_bench.training.passes import Episode, Held, Passes, by_epoch, flop, held, passes


class Cost(NamedTuple):
    """training: all meta-steps of a cell; evaluation: its validations and its test.

    network: its network; remarks: a sentence for each thing that was assumed instead of counted.
    """

    training: Work
    evaluation: Work
    network: Network
    remarks: tuple[str, ...]


def cost(cell: Cell) -> Cost:
    """Of a cell whose names are known, as expand makes them."""
    training = replace(cell.training, init_seed=None)
    return _cost(replace(cell, seed=0, training=training, inner_optimizer="sgd", inner_optimizer_options=()))


def meta_steps(cell: Cell) -> list[tuple[int, Passes]]:
    """How many meta-steps of each kind a cell has, and what one task of them takes. Raises what its learner raises."""
    learner, episode, settings = _learner(cell), _training(cell), cell.training
    if settings.iterations == 0:
        return []
    size = settings.iterations_per_epoch
    return [
        (min(settings.iterations, run.stop * size) - run.start * size, task)
        for run, task in by_epoch(learner, episode, settings.inner_steps, validations(cell))
    ]


def held_of(cell: Cell) -> Held | None:
    """What one task of the cell's last epoch keeps at most, or of the test where it has no meta-steps.

    None where that cannot be counted.
    """
    training = replace(cell.training, init_seed=None)
    return _held(replace(cell, seed=0, training=training, backbone="", backbone_options=()))


def network_of(cell: Cell) -> Network:
    """The cell's network, counted. Raises whatever a network raises that cannot do without numbers."""
    return _network(cell.backbone, cell.backbone_options, cell.dataset, cell.ways)


def validations(cell: Cell) -> int:
    """How many a cell has, of `evaluation.tasks` tasks each; an untrained one has one."""
    return max(1, ceil(cell.training.iterations / cell.training.iterations_per_epoch))


@cache
def _cost(cell: Cell) -> Cost:
    remarks = []
    try:
        network = network_of(cell)
    except Exception as error:  # somebody's network may have to see numbers
        remarks.append(_remark("backbone", cell.backbone, "two FLOP for each weight and image", error))
        weights = count_weights(cell)
        network = Network(0, 2 * weights, 0, weights, weights, 1)
    try:
        gradients, predictions = _asked(replace(cell, backbone="", backbone_options=()))
    except Exception as error:  # somebody's learner may ask for more than three layers have
        remarks.append(_remark("learner", cell.learner, "what MAML takes", error))
        gradients, predictions = _as_maml(cell)
    size = cell.training.tasks_per_batch
    return Cost(
        training=_work(network, ((number * size, task) for number, task in gradients)),
        evaluation=_work(network, predictions),
        network=network,
        remarks=tuple(remarks),
    )


@cache
def _held(cell: Cell) -> Held | None:
    rule = find("inner optimizer", cell.inner_optimizer, INNER_OPTIMIZERS)(**dict(cell.inner_optimizer_options))
    try:
        learner, last = _learner(cell), validations(cell) - 1
        if cell.training.iterations == 0:
            return held(learner, rule, _tested(cell), Asked(cell.test_steps, last, learner.traits.batch_norm))
        return held(learner, rule, _training(cell), Asked(cell.training.inner_steps, last))
    except Exception:  # as in _cost, which tells
        return None


@cache
def _network(name: str, options: Options, dataset: str, ways: int) -> Network:
    make, image = find("backbone", name, BACKBONES), DATASETS[dataset].shape
    model = build(lambda: make(image, ways, **dict(options)), ways, seed=0, device=NOWHERE, operations=FUSED)
    return of_network(model, image, ways)


def _work(network: Network, tasks: Iterable[tuple[int, Passes]]) -> Work:
    """tasks: how many of each kind."""
    total = NOTHING
    for number, task in tasks:
        one = Work(
            flop=flop(network, task),
            written=task.others * network.written,
            tensors=task.products * network.tensors,
            weights=task.products * network.weights,
        )
        total = plus(total, times(number, one))
    return total


@cache
def _asked(cell: Cell) -> tuple[list[tuple[int, Passes]], list[tuple[int, Passes]]]:
    """What is asked of a learner, whatever the cell's network."""
    return meta_steps(cell), _evaluations(cell)


def _evaluations(cell: Cell) -> list[tuple[int, Passes]]:
    """How many tasks of validation and test, for each way to normalise queries, and what one of them takes."""
    settings, learner = cell.evaluation, _learner(cell)
    episode = _tested(cell)
    own = learner.traits.batch_norm
    members = min(settings.ensemble, validations(cell))
    counts: dict[BatchNorm, int] = {own: settings.tasks * (validations(cell) + members)}
    if settings.both_batch_norms:
        counts["inductive" if own == "transductive" else "transductive"] = settings.tasks * members
    last = validations(cell) - 1
    return [(count, passes(learner, episode, Asked(cell.test_steps, last, way))) for way, count in counts.items()]


def _as_maml(cell: Cell) -> tuple[list[tuple[int, Passes]], list[tuple[int, Passes]]]:
    """The meta-steps and evaluations of second-order MAML, for a learner that is unlike all that are known."""
    trained = _assumed(cell.train_ways, 9 * cell.training.inner_steps, cell.train_shots, 3, cell.training.queries)
    tested = _assumed(cell.ways, 3 * cell.test_steps, cell.shots, 1, cell.test_queries)
    members = min(cell.evaluation.ensemble, validations(cell))
    count = cell.evaluation.tasks * (validations(cell) + members)
    return [(cell.training.iterations, trained)], [(count, tested)]


def _assumed(ways: int, of_support: int, shots: int, of_queries: int, queries: int) -> Passes:
    """of_support, of_queries: passes of each image through every layer."""
    images = ways * (of_support * shots + of_queries * queries)
    return Passes(images, images, 2 * ways * images, of_support + of_queries)


def _learner(cell: Cell) -> Learner:
    return as_learner(find("learner", cell.learner, LEARNERS)(**dict(cell.learner_options)))


def _training(cell: Cell) -> Episode:
    return Episode(cell.train_ways, cell.train_shots, cell.training.queries, cell.dataset, _classes(cell))


def _tested(cell: Cell) -> Episode:
    return Episode(cell.ways, cell.shots, cell.test_queries, cell.dataset, _classes(cell))


def _classes(cell: Cell) -> int:
    return len(read_split(cell.dataset, cell.split).part("train"))


def _remark(kind: str, name: str, instead: str, error: Exception) -> str:
    first = str(error).splitlines()[0] if str(error) else type(error).__name__
    return f"{kind} {name!r} could not be counted, so it is taken for {instead} ({first})."
