"""The test `run` of backbones, inner optimizers and learners: a cell computed on random images, as `run` would."""

from collections.abc import Callable
from typing import Any

from fewshot_bench.basics.images import ImageShape
from fewshot_bench.cells.cell import Cell, Evaluation, Training
from fewshot_bench.conformance.findings import Outcome
from fewshot_bench.conformance.tiny import TRAIN_CLASSES
from fewshot_bench.inner_optimizers.base import InnerOptimizer
from fewshot_bench.learners.base import Learner, Parts
from fewshot_bench.learners.smoke_test import build_tried
from fewshot_bench.training.assembly import Assembly, operations
from fewshot_bench.training.plan import Plan, as_planned
from fewshot_bench.training.rehearsal import TASKS, random_streams, rehearse

PLANS = (Plan("cpu", 1, TASKS), Plan("cpu", 1, 1, "traced"))
"""The kinds of program that a run on a CPU chooses from."""


def runs(learner: Learner, make: Callable[..., Any], opt: InnerOptimizer, image: ImageShape, ways: int) -> Outcome:
    """One meta-step, and an evaluation with transductive and inductive batch norm, by each of PLANS."""
    for plan in PLANS:
        with as_planned(plan):
            rehearse(assembly_of(learner, make, opt, image, ways, plan))
    return True, "a meta-step and an evaluation, by the eager and the traced program"


def assembly_of(
    learner: Learner,
    make: Callable[..., Any],
    opt: InnerOptimizer,
    image: ImageShape,
    ways: int,
    plan: Plan,
    training: Training | None = None,
) -> Assembly:
    """An assembled cell of the given parts, which need no names in a grid, with random tasks."""
    cell = Cell(
        dataset="omniglot",
        split="none",
        ways=ways,
        shots=1,
        learner="candidate",
        backbone="candidate",
        inner_optimizer="candidate",
        seed=0,
        training=training or Training(),
        evaluation=Evaluation(both_batch_norms=True),
    )
    model = build_tried(lambda: make(image, ways), image, ways, 0, plan.device, operations(plan))
    parts = Parts(model, opt, max(TRAIN_CLASSES, ways))
    return Assembly(cell, plan, learner, parts, random_streams(cell, image, plan.device), {})
