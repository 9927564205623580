"""A test that all kinds share: what `run` computes of a cell, on random images."""

from collections.abc import Callable
from typing import Any

from fewshot_bench.basics.images import ImageShape
from fewshot_bench.conformance.findings import Outcome
from fewshot_bench.conformance.tiny import TRAIN_CLASSES
from fewshot_bench.inner_optimizers.base import InnerOptimizer
from fewshot_bench.learners.base import Learner, Parts
from fewshot_bench.learners.model import as_function, made
from fewshot_bench.learners.trial import tried
from fewshot_bench.training.assembly import Assembly, operations
from fewshot_bench.training.driving import as_planned
from fewshot_bench.training.plan import Plan
from fewshot_bench.training.rehearsal import TASKS, random_streams, rehearse
from fewshot_bench.training.settings import Cell, Evaluation, Training

PLANS = (Plan("cpu", 1, TASKS), Plan("cpu", 1, 1, "traced"))
"""The kinds of program that a run on a CPU chooses from."""


def runs(learner: Learner, make: Callable[..., Any], opt: InnerOptimizer, image: ImageShape, ways: int) -> Outcome:
    """A meta-step and a test of queries in both ways of normalising them, by each of PLANS, as before every run."""
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
    """A cell of parts that have no names in a grid, and random tasks."""
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
    module, table = made(lambda: make(image, ways), seed=0), operations(plan)
    model = tried(as_function(module, ways, plan.device, table), module, image, ways, table)
    parts = Parts(model, opt, cell.dataset, max(TRAIN_CLASSES, ways))
    return Assembly(cell, plan, learner, parts, random_streams(cell, image, plan.device), {})
