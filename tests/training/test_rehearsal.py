"""A rehearsal refuses no learner that a run could train: it has the cell's tasks, and looks at all that is learned."""

from dataclasses import dataclass, replace

import pytest
import torch

from fewshot_bench.cells.cell import Cell, Evaluation, Training
from fewshot_bench.learners.maml import Maml
from fewshot_bench.training.planning import first_plan
from fewshot_bench.training.rehearsal import rehearse_cell

HERE = __name__


@dataclass(frozen=True, kw_only=True)
class Halves(Maml):
    """It takes two support and three query images of each class."""

    def meta_gradient(self, parts, meta, stage, task):
        sizes = (len(task.support.y), len(task.query.y))
        if sizes != (2 * WAYS, 3 * WAYS):
            raise ValueError(f"images: {sizes}")
        return super().meta_gradient(parts, meta, stage, task)


@dataclass(frozen=True, kw_only=True)
class RatesOnly(Maml):
    """The weights stay as they are drawn; the learning rates are learned."""

    def meta_gradient(self, parts, meta, stage, task):
        found = super().meta_gradient(parts, meta, stage, task)
        return found._replace(meta={name: self.kept(name, g) for name, g in found.meta.items()})

    def kept(self, name, gradient):
        return torch.zeros_like(gradient) if name.startswith("weights/") else gradient


@dataclass(frozen=True, kw_only=True)
class Nothing(RatesOnly):
    def kept(self, name, gradient):
        return torch.zeros_like(gradient)


WAYS = 2
CELL = Cell(
    dataset="glyphs",
    split="scripts",
    ways=WAYS,
    shots=2,
    learner="maml",
    backbone="vgg",
    inner_optimizer="sgd",
    seed=0,
    backbone_options=(("filters", 4),),
    training=Training(iterations=1, queries=3, inner_steps=1),
    evaluation=Evaluation(tasks=2),
)


def rehearsed(learner):
    cell = replace(CELL, learner=f"{HERE}:{learner.__name__}")
    rehearse_cell(cell, first_plan(cell, "cpu", {"program": "eager", "threads": 1}))


@pytest.mark.parametrize("learner", [Halves, RatesOnly])
def test_what_can_be_trained_passes(learner):
    rehearsed(learner)


def test_what_learns_nothing_at_all_is_refused():
    with pytest.raises(Exception, match=r"^the meta-gradient is zero for every tensor"):
        rehearsed(Nothing)
