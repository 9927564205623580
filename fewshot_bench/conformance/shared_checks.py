"""Checks that backbones, inner optimizers and learners share: `options`, and `run`, which computes a cell.

The cell is computed on random images, in the same way as the command `run` computes it.
"""

import inspect
from collections.abc import Callable
from typing import Any

from fewshot_bench.basics.images import ImageShape
from fewshot_bench.basics.options import fits, frozen, schema, type_name
from fewshot_bench.cells.cell import Cell, Evaluation, Training
from fewshot_bench.conformance.findings import Outcome, listed
from fewshot_bench.conformance.tiny import TRAIN_CLASSES
from fewshot_bench.inner_optimizers.base import InnerOptimizer
from fewshot_bench.learners.base import Learner, Parts
from fewshot_bench.learners.smoke_test import build_smoke_tested
from fewshot_bench.training.assembly import Assembly, operations
from fewshot_bench.training.plan import Plan, as_planned
from fewshot_bench.training.rehearsal import TASKS, random_streams, rehearse

PLANS = (Plan("cpu", 1, TASKS), Plan("cpu", 1, 1, "traced"))
"""The kinds of program that a run on a CPU chooses from."""


def settable(factory: Callable[..., Any], supplied: int) -> Outcome:
    """Whether a grid can set the options of a factory, and whether their defaults have the annotated types.

    supplied: number of positional arguments that the program gives. Every other argument is an option, after a `*`.
    """
    parameters = inspect.signature(factory).parameters.values()
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    for parameter in positional[supplied:]:
        if parameter.default is parameter.empty:
            return False, f"nothing gives it the argument `{parameter.name}`. Write it after a `*`, with a default."
        return None, f"no grid can set `{parameter.name}`. Write it after a `*`, with a type and its default."
    known = schema(factory)
    for name, option in known.items():
        if option.default is not None and not fits(frozen(option.default), option.type):
            return False, f"`{name}` starts as {option.default!r}, but has to be {type_name(option.type)}."
    return True, listed((f"{name} = {option.default!r}" for name, option in known.items()), most=6)


def runs(learner: Learner, make: Callable[..., Any], opt: InnerOptimizer, image: ImageShape, ways: int) -> Outcome:
    """Compute one meta-step, and an evaluation with transductive and inductive batch norm, by each of PLANS."""
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
    """An assembled cell of the given parts, with random tasks. The parts need no names in a grid."""
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
    model = build_smoke_tested(lambda: make(image, ways), image, ways, 0, plan.device, operations(plan))
    parts = Parts(model, opt, max(TRAIN_CLASSES, ways))
    return Assembly(cell, plan, learner, parts, random_streams(cell, image, plan.device), {})
