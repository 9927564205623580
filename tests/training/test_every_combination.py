"""Every learner with every backbone, and with every inner optimizer: a finite meta-step, then finite predictions."""

from dataclasses import replace

import pytest

from fewshot_bench.backbones import BACKBONES
from fewshot_bench.cells.cell import NO_INNER_OPTIMIZER
from fewshot_bench.inner_optimizers import INNER_OPTIMIZERS
from fewshot_bench.learners import LEARNERS
from fewshot_bench.training.assembly import assemble
from fewshot_bench.training.evaluation import evaluate, predictions
from fewshot_bench.training.gradients import gradients
from fewshot_bench.training.meta_step import begin, meta_step, stage
from fewshot_bench.training.plan import Plan
from tests.tiny import tiny_cell

CELL = tiny_cell({"tasks_per_batch": 1, "inner_steps": 1}, {"tasks": 1}, backbone_options=())
SMALL = replace(CELL, backbone_options=(("filters", 4),))


def check(cell, pool):
    assembly = assemble(cell, pool, Plan("cpu", 1, 1))
    state = begin(assembly.learner, assembly.parts, 1, "cpu")
    before = {name: value.clone() for name, value in state.meta.items()}
    meta_step(assembly, gradients(assembly), state)  # raises where a metric or a gradient is not finite
    assert all(bool(value.isfinite().all()) for value in state.meta.values())
    assert any(not value.equal(before[name]) for name, value in state.meta.items())
    predict = predictions(assembly)
    for batch_norm in ("transductive", "inductive"):  # raises where a logit is not finite
        evaluate(predict, [state.meta], stage(state, 1, 500), assembly.streams.test, 1, batch_norm)


def rule_of(learner):
    return "sgd" if LEARNERS[learner]().traits.inner_loop else NO_INNER_OPTIMIZER


@pytest.mark.parametrize("backbone", [name for name in BACKBONES if name != "resnet-8"])  # resnet-12 has all it has
@pytest.mark.parametrize("learner", LEARNERS)
def test_learner_with_backbone(learner, backbone, pattern_pool):
    check(replace(CELL, learner=learner, backbone=backbone, inner_optimizer=rule_of(learner)), pattern_pool)


@pytest.mark.parametrize("rule", [name for name in INNER_OPTIMIZERS if name not in ("sgd", NO_INNER_OPTIMIZER)])
@pytest.mark.parametrize("learner", ["maml++", "maml++-original", "imaml", "imaml-released", "reptile", "finetune"])
def test_learner_with_inner_optimizer(learner, rule, pattern_pool):
    """The others adapt as the first of these do: they are options of one class."""
    check(replace(SMALL, learner=learner, inner_optimizer=rule), pattern_pool)
