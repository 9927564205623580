"""How much arithmetic a meta-gradient takes, counted on tensors that have a shape and no numbers: on any machine.

Convolutions and products of matrices count, and what both are pulled back to, of every order; a multiplication and an
addition are two operations (FLOP). Norms, activations, pooling, losses and inner optimizers are left out: less than a
hundredth as many, whose time goes by the memory that they read and write.
"""

from dataclasses import replace
from functools import cache
from typing import NamedTuple

import torch
from torch.utils.flop_counter import FlopCounterMode

from fewshot_bench.backbones import BACKBONES
from fewshot_bench.backbones.border import FUSED
from fewshot_bench.basics.names import find
from fewshot_bench.data.datasets import DATASETS
from fewshot_bench.hypergradients.problem import Batch, Task
from fewshot_bench.inner_optimizers import INNER_OPTIMIZERS
from fewshot_bench.inner_optimizers.base import OuterState
from fewshot_bench.learners import LEARNERS
from fewshot_bench.learners.base import Parts, Stage
from fewshot_bench.learners.model import build
from fewshot_bench.training.settings import Cell

NOWHERE = "meta"
"""torch's device of tensors without numbers."""


class Flop(NamedTuple):
    """Of one task's meta-gradient by maml++. last: where the loss after the last inner step alone counts; every: after
    every step, as in the first epochs.
    """

    last: int
    every: int


def of_task(cell: Cell) -> Flop:
    """By what a traced program carries out (backbones/fused).

    Counted with one inner step and with two: each further one takes what the second does. Whichever the inner
    optimizer, convolutions and products are the same.
    """
    alike = replace(cell, inner_optimizer="sgd", inner_optimizer_options=(), seed=0)
    one, two, also_after_the_first = counted(alike, 1, 0), counted(alike, 2, 0), counted(alike, 2, 1)
    steps = cell.training.inner_steps
    last = one + (steps - 1) * (two - one)
    return Flop(last, last + (steps - 1) * (also_after_the_first - two))


@cache
def counted(cell: Cell, steps: int, msl_epochs: int) -> int:
    """FLOP of one task in the first epoch. msl_epochs: as maml++ has it, in place of the cell's."""
    image = DATASETS[cell.dataset].shape
    make = find("backbone", cell.backbone, BACKBONES)
    model = build(lambda: make(image, cell.ways, **dict(cell.backbone_options)), cell.ways, seed=0, operations=FUSED)
    learner = find("learner", cell.learner, LEARNERS)(**(dict(cell.learner_options) | {"msl_epochs": msl_epochs}))
    rule = find("inner optimizer", cell.inner_optimizer, INNER_OPTIMIZERS)(**dict(cell.inner_optimizer_options))
    meta = _nowhere(learner.start(Parts(model, rule, cell.dataset, cell.ways), steps))
    weights = _nowhere(model.weights)
    parts = Parts(model._replace(weights=weights), rule, cell.dataset, cell.ways)
    stage = Stage(OuterState(weights, weights, torch.zeros((), device=NOWHERE)), {}, steps, 0)

    def batch(per_class: int) -> Batch:
        x = torch.empty(cell.train_ways * per_class, *image, device=NOWHERE)
        return Batch(x, torch.empty(len(x), dtype=torch.int64, device=NOWHERE))

    support, query = batch(cell.train_shots), batch(cell.training.queries)
    task = Task(support, query, query.y[: cell.train_ways], torch.empty((), dtype=torch.int64, device=NOWHERE))
    with FlopCounterMode(display=False) as counter:
        learner.meta_gradient(parts, meta, stage, task)
    return int(counter.get_total_flops())


def _nowhere(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: tensor.to(NOWHERE) for name, tensor in tensors.items()}
