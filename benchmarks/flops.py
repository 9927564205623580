"""How much arithmetic a task's meta-gradient by maml++ takes; what counts as such is in training/arithmetic.py."""

from dataclasses import replace
from typing import NamedTuple

from fewshot_bench.backbones import BACKBONES
from fewshot_bench.backbones.functional import FUSED
from fewshot_bench.basics.names import find
from fewshot_bench.cells.cell import Cell
from fewshot_bench.data.datasets import dataset_of
from fewshot_bench.grid.costs import meta_steps, network_of
from fewshot_bench.inner_optimizers import INNER_OPTIMIZERS
from fewshot_bench.learners import LEARNERS
from fewshot_bench.learners.base import Parts, as_learner
from fewshot_bench.learners.model import build
from fewshot_bench.training import arithmetic
from fewshot_bench.training.arithmetic import META_DEVICE, LearnerCall, Shape, flop, learner_call


class Flop(NamedTuple):
    """Of one task's meta-gradient by maml++. last: if the loss after the last inner step alone counts; every: after
    every step, as in the first epochs.
    """

    last: int
    every: int


def of_task(cell: Cell) -> Flop:
    """By what a traced program carries out (backbones/fused), whichever the inner optimizer."""
    network = network_of(cell)
    return Flop(*(round(flop(network, meta_steps(_with(cell, epochs))[0][1])) for epochs in (0, 1)))


def counted(cell: Cell, steps: int, msl_epochs: int) -> int:
    """FLOP of one task in the first epoch, counted on the cell's network itself. msl_epochs: in place of the cell's."""
    image = dataset_of(cell).shape
    make, options = find("backbone", cell.backbone, BACKBONES), dict(cell.backbone_options)
    model = build(lambda: make(image, cell.ways, **options), cell.ways, seed=0, operations=FUSED)
    rule = find("inner optimizer", cell.inner_optimizer, INNER_OPTIMIZERS)(**dict(cell.inner_optimizer_options))
    learner = as_learner(find("learner", cell.learner, LEARNERS)(**dict(_with(cell, msl_epochs).learner_options)))
    shape = Shape(cell.train_ways, cell.train_shots, cell.training.queries, cell.ways)
    parts = Parts(model, rule, cell.ways)
    call = learner_call(learner, parts, image, shape, LearnerCall(steps, 0), META_DEVICE)
    return arithmetic.count_operations(call).flop


def _with(cell: Cell, msl_epochs: int) -> Cell:
    """Of one epoch, which is all that `of_task` looks at."""
    options = dict(cell.learner_options) | {"msl_epochs": msl_epochs}
    training = replace(cell.training, iterations=cell.training.iterations_per_epoch)
    return replace(cell, learner_options=tuple(options.items()), training=training)
