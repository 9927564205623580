"""The package, as a run does it: the learner maml with fixed rates, by the programs that a plan names."""

import time
from collections.abc import Callable, Sequence
from typing import Any, cast

import torch

from benchmarks.libraries.work import BETAS, Answer, Step, Work
from benchmarks.settings import Setting
from fewshot_bench.backbones.functional import Operations
from fewshot_bench.cells.cell import Cell, Training
from fewshot_bench.inner_optimizers import INNER_OPTIMIZERS
from fewshot_bench.learners import LEARNERS
from fewshot_bench.learners.base import WEIGHTS, Gradient, Parts, select
from fewshot_bench.learners.model import as_function
from fewshot_bench.training.assembly import Assembly, operations
from fewshot_bench.training.gradients import gradients
from fewshot_bench.training.meta_step import begin
from fewshot_bench.training.plan import Plan, as_planned

ADAM: dict[str, Any] = {"beta1": BETAS[0], "beta2": BETAS[1], "from_outer": False}

Plans = Callable[[Setting, int], list[Plan]]
"""(setting, threads that there are) -> plans, of which the fastest is taken."""


def for_speed(setting: Setting, threads: int) -> list[Plan]:
    if setting.device != "cpu":
        return [Plan(setting.device, threads, setting.tasks, "graph", replicas=setting.replicas)]
    workers = min(threads, setting.tasks)
    return [Plan("cpu", 1, 1, "traced", workers, replicas=setting.replicas)]


def for_memory(setting: Setting, threads: int) -> list[Plan]:
    """One task at a time, one inner step of it, and nothing traced: tracing keeps all that it computes."""
    return [Plan(setting.device, threads, 1, replicas=setting.replicas, recompute=True)]


def planned(works: Sequence[Work], plan: Plan) -> Step:
    setting = works[0].setting
    assemblies = [assembly(work, plan) for work in works]
    states = [begin(one.learner, one.parts, setting.steps, plan.device) for one in assemblies]
    find, tasks = gradients(assemblies[0]), [work.tasks for work in works]

    def do() -> list[Answer]:
        with as_planned(plan):
            return [_answer(found) for found in find(states, tasks)]

    return Step(do, str(plan))


def fastest(plans: Plans) -> Callable[[Sequence[Work]], Step]:
    """By the second meta-step, as a run chooses; where there is one plan, nothing is measured."""

    def maml(works: Sequence[Work]) -> Step:
        steps = [planned(works, plan) for plan in plans(works[0].setting, torch.get_num_threads())]
        return min(steps, key=_seconds) if len(steps) > 1 else steps[0]

    return maml


speed = fastest(for_speed)
memory = fastest(for_memory)


def _seconds(step: Step) -> float:
    for _ in range(2):
        begun = time.perf_counter()
        float(step.do()[0].loss)  # waits for the device
    return time.perf_counter() - begun


def assembly(work: Work, plan: Plan, table: Operations | None = None) -> Assembly:
    """What assembly.assemble makes of a cell, with the work's network in place of an initial one, and no data.

    table: what stands for torch's functions in the network; None: what the plan says.
    """
    setting = work.setting
    cell = Cell(
        dataset=setting.shape,
        split="none",
        ways=setting.ways,
        shots=setting.shots,
        learner="maml",
        backbone=setting.backbone,
        inner_optimizer=setting.rule,
        seed=0,
        training=Training(inner_steps=setting.steps, tasks_per_batch=setting.tasks, queries=setting.queries),
    )
    model = as_function(work.network, setting.ways, plan.device, table or operations(plan))
    options = {} if setting.rule == "sgd" else {"eps": work.eps, **ADAM}
    rule = INNER_OPTIMIZERS[setting.rule](lr=work.rate, lr_min=0.0, **options)
    parts = Parts(model, rule, setting.ways)
    return Assembly(cell, plan, LEARNERS["maml"](), parts, cast(Any, None), {})


def _answer(found: Gradient) -> Answer:
    gradient = {name: g.mean(0) for name, g in select(found.meta, WEIGHTS).items()}
    return Answer(found.metrics["loss"].mean(), gradient)
