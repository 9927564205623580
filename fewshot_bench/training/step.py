"""One meta-step: the mean of the tasks' gradients moves the meta-parameters."""

import math

import torch
from torch.utils._pytree import tree_map

from fewshot_bench.basics.errors import CellError
from fewshot_bench.hypergradients.batching import over_tasks
from fewshot_bench.hypergradients.problem import Task
from fewshot_bench.learners.base import Gradient, Progress
from fewshot_bench.training.assembly import Assembly
from fewshot_bench.training.state import TrainingState, stage, update

HINT = "A lower learning rate may help, or a network without infinite derivatives."


def meta_step(assembly: Assembly, state: TrainingState) -> dict[str, float]:
    """Takes the next batch of tasks and updates `state`; returns the metrics, means over the batch.

    Raises CellError where a metric or a gradient is not finite: nothing was updated then.
    """
    settings, parts = assembly.cell.training, assembly.parts
    progress = Progress(state.iteration, settings.iterations, settings.iterations_per_epoch)
    first = state.iteration * settings.tasks_per_batch
    tasks = assembly.streams.train(first, first + settings.tasks_per_batch)
    found = _one_after_another(assembly, state, tasks) if state.memory else _at_once(assembly, state, tasks)
    values = {name: float(value.mean()) for name, value in found.metrics.items()}
    mean = {name: g.mean(0) for name, g in found.meta.items()}
    for name, value in values.items():
        if not math.isfinite(value):
            raise CellError(f"the {name} is {value} at meta-step {state.iteration + 1}. {HINT}")
    for name, g in mean.items():
        if not bool(g.isfinite().all()):
            raise CellError(f"the meta-gradient of {name} is not finite at meta-step {state.iteration + 1}. {HINT}")
    rule = assembly.learner.update(parts)
    rate = rule.rate(progress)
    update(state, rule.clip(mean), rate, rule.bound)
    state.memory = found.memory
    return {**values, "meta_rate": rate}


def _at_once(assembly: Assembly, state: TrainingState, tasks: Task) -> Gradient:
    """The gradients of tasks that know nothing of each other, stacked."""
    now = stage(state, assembly.cell.training.inner_steps, assembly.cell.training.iterations_per_epoch)
    learner, parts = assembly.learner, assembly.parts
    found: Gradient = over_tasks(
        lambda task: learner.meta_gradient(parts, state.meta, now, task), assembly.plan.tasks_at_once
    )(tasks)
    return found


def _one_after_another(assembly: Assembly, state: TrainingState, tasks: Task) -> Gradient:
    """The gradients of tasks each of which begins with what the one before remembers, stacked; memory: of the last."""
    now = stage(state, assembly.cell.training.inner_steps, assembly.cell.training.iterations_per_epoch)
    found = []
    for index in range(len(tasks.key)):
        task = tree_map(lambda leaf, index=index: leaf[index], tasks)
        found.append(assembly.learner.meta_gradient(assembly.parts, state.meta, now, task))
        now = now._replace(memory=found[-1].memory)
    meta, metrics = (
        {name: torch.stack([part[name] for part in parts]) for name in parts[0]}
        for parts in ([one.meta for one in found], [one.metrics for one in found])
    )
    return Gradient(meta, metrics, now.memory)
