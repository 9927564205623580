"""A rehearsal refuses no learner that a run could train: it has the cell's tasks, and looks at all that is learned."""

from dataclasses import replace

import pytest
import torch

from fewshot_bench.learners.maml import maml
from fewshot_bench.training.planning import first_plan
from fewshot_bench.training.rehearsal import rehearse_cell
from tests.tiny import tiny_cell

HERE = __name__


def halves():
    """It takes two support and three query images of each class."""
    learner = maml()

    def meta_gradient(parts, meta, stage, task):
        sizes = (len(task.support.y), len(task.query.y))
        if sizes != (2 * WAYS, 3 * WAYS):
            raise ValueError(f"images: {sizes}")
        return learner.meta_gradient(parts, meta, stage, task)

    return learner._replace(meta_gradient=meta_gradient)


def rates_only(kept=lambda name: not name.startswith("weights/")):
    """The weights stay as they are drawn; the learning rates are learned."""
    learner = maml()

    def meta_gradient(parts, meta, stage, task):
        found = learner.meta_gradient(parts, meta, stage, task)
        return found._replace(meta={name: g if kept(name) else torch.zeros_like(g) for name, g in found.meta.items()})

    return learner._replace(meta_gradient=meta_gradient)


def nothing():
    return rates_only(lambda name: False)


WAYS = 2
CELL = tiny_cell(
    {"iterations": 1, "queries": 3, "inner_steps": 1},
    dataset="glyphs",
    split="scripts",
    ways=WAYS,
    shots=2,
    learner="maml",
)


def rehearsed(learner):
    cell = replace(CELL, learner=f"{HERE}:{learner.__name__}")
    rehearse_cell(cell, first_plan(cell, "cpu", {"program": "eager", "threads": 1}))


@pytest.mark.parametrize("learner", [halves, rates_only])
def test_what_can_be_trained_passes(learner):
    rehearsed(learner)


def test_what_learns_nothing_at_all_is_refused():
    with pytest.raises(Exception, match=r"^the meta-gradient is zero for every tensor"):
        rehearsed(nothing)
