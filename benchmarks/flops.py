"""How much arithmetic a task's meta-gradient by maml++ takes; what counts as such is in training/arithmetic.py."""

from dataclasses import replace
from functools import cache
from typing import NamedTuple

from fewshot_bench.backbones import BACKBONES
from fewshot_bench.backbones.functional import FUSED
from fewshot_bench.basics.names import find
from fewshot_bench.cells.cell import Cell
from fewshot_bench.data.datasets import DATASETS
from fewshot_bench.grid.costs import network_of
from fewshot_bench.inner_optimizers import INNER_OPTIMIZERS
from fewshot_bench.learners import LEARNERS
from fewshot_bench.learners.base import Learner, Parts
from fewshot_bench.learners.model import build
from fewshot_bench.training import arithmetic
from fewshot_bench.training.arithmetic import Asked, any_task, of_learner
from fewshot_bench.training.passes import Episode, Passes, flop, passes


class Flop(NamedTuple):
    """Of one task's meta-gradient by maml++. last: where the loss after the last inner step alone counts; every: after
    every step, as in the first epochs.
    """

    last: int
    every: int


def of_task(cell: Cell) -> Flop:
    """By what a traced program carries out (backbones/fused), whichever the inner optimizer."""
    network = network_of(cell)
    return Flop(*(round(flop(network, _passes(_without_network(cell), epochs))) for epochs in (0, 1)))


def counted(cell: Cell, steps: int, msl_epochs: int) -> int:
    """FLOP of one task in the first epoch, counted on the cell's network itself. msl_epochs: in place of the cell's."""
    image = DATASETS[cell.dataset].shape
    make = find("backbone", cell.backbone, BACKBONES)
    model = build(lambda: make(image, cell.ways, **dict(cell.backbone_options)), cell.ways, seed=0, operations=FUSED)
    rule = find("inner optimizer", cell.inner_optimizer, INNER_OPTIMIZERS)(**dict(cell.inner_optimizer_options))
    task = any_task(image, cell.train_ways, cell.train_shots, cell.training.queries)
    parts = Parts(model, rule, cell.ways)
    return arithmetic.counted(of_learner(_learner(cell, msl_epochs), parts, task, Asked(steps, 0))).flop


def _without_network(cell: Cell) -> Cell:
    """What cells share that ask a learner for the same."""
    return replace(cell, backbone="", backbone_options=(), inner_optimizer="", inner_optimizer_options=(), seed=0)


@cache
def _passes(cell: Cell, msl_epochs: int) -> Passes:
    episode = Episode(cell.train_ways, cell.train_shots, cell.training.queries, cell.dataset, cell.ways)
    return passes(_learner(cell, msl_epochs), episode, Asked(cell.training.inner_steps, 0))


def _learner(cell: Cell, msl_epochs: int) -> Learner:
    options = dict(cell.learner_options) | {"msl_epochs": msl_epochs}
    made: Learner = find("learner", cell.learner, LEARNERS)(**options)
    return made
