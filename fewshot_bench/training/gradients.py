"""Meta-gradients of a batch of tasks, for one cell or for several replicas in one program."""

from collections.abc import Hashable, Sequence
from typing import Any

import torch
from torch.func import vmap

from fewshot_bench.basics.errors import BenchError
from fewshot_bench.hypergradients.batching import tree_map
from fewshot_bench.hypergradients.problem import Task
from fewshot_bench.learners.base import BatchGradient, Gradient, Meta, Parts, Stage
from fewshot_bench.training.assembly import Assembly
from fewshot_bench.training.meta_step import Gradients, TrainingState, stage
from fewshot_bench.training.programs.base import Program, TaskFunction
from fewshot_bench.training.programs.program import program


def gradients(assembly: Assembly) -> Gradients:
    """A function that computes the gradients of cells which differ from `assembly`'s at most in their seed.

    Programs are made when needed, one for each phase of the learner. Several states are replicas: their tensors are
    stacked, and one program computes all of them (`vmap` over replicas inside `vmap` over tasks). All must have done
    the same number of meta-steps. Replicas of a learner with `memory` or `batch_gradient` are computed one after
    another. The function raises BenchError if a learner has both.
    """
    programs: dict[tuple[Hashable, int], Program] = {}
    steps, plan, of_batch = assembly.cell.training.inner_steps, assembly.plan, assembly.learner.batch_gradient

    def compute(states: Sequence[TrainingState], tasks: Sequence[Task]) -> list[Gradient]:
        now = [stage(state, steps, assembly.cell.training.iterations_per_epoch, plan.recompute) for state in states]
        key = assembly.learner.phase(now[0].epoch), len(states)
        if key not in programs:
            programs.clear()  # a phase that is over does not come back
            of_one = _of_one(assembly, now[0])
            if states[0].memory and of_batch:
                raise BenchError(
                    f"the learner {assembly.cell.learner} has both `memory` and `batch_gradient`: memory needs tasks "
                    "one after another, a batch's gradient needs them together. Leave one out."
                )
            if states[0].memory:
                programs[key] = program(of_one, plan._replace(tasks_at_once=1), assembly.note)
            else:
                programs[key] = program(of_one if len(states) == 1 or of_batch else vmap(of_one), plan, assembly.note)
        if of_batch:
            return [
                _of_batch(of_batch, assembly.parts, programs[key], *one) for one in zip(states, now, tasks, strict=True)
            ]
        if states[0].memory:
            return [_one_after_another(programs[key], *one) for one in zip(states, now, tasks, strict=True)]
        shared = [(state.meta, at.outer, at.memory) for state, at in zip(states, now, strict=True)]
        if len(states) == 1:
            return [programs[key](shared[0], tasks[0])]
        together = tree_map(lambda *leaves: torch.stack(leaves), *shared)
        side_by_side = tree_map(lambda *leaves: torch.stack(leaves, 1), *tasks)
        stacked = programs[key](together, side_by_side)
        return [tree_map(lambda leaf, index=index: leaf[:, index], stacked) for index in range(len(states))]

    return compute


def _of_one(assembly: Assembly, now: Stage) -> TaskFunction:
    """The gradient of one task as a function of tensors. Other values are fixed to those of the stage `now`."""

    def of_one(shared: Any, task: Task) -> Gradient:
        meta, outer, memory = shared
        at = now._replace(outer=outer, memory=memory)
        return assembly.learner.meta_gradient(assembly.parts, meta, at, task)

    return of_one


def _of_batch(
    of_batch: BatchGradient, parts: Parts, many: Program, state: TrainingState, now: Stage, tasks: Task
) -> Gradient:
    """The learner's gradient of a whole batch, on a leading axis of one."""

    def of_one(meta: Meta, tasks: Task) -> Gradient:
        stacked = many((meta, now.outer, now.memory), tasks)
        return tree_map(torch.clone, stacked)  # a recorded program overwrites its last results

    gradient = of_batch(parts, state.meta, now, tasks, of_one)
    if {name: g.shape for name, g in gradient.meta.items()} != {name: p.shape for name, p in state.meta.items()}:
        raise BenchError(
            "the learner's `batch_gradient` does not have the names and shapes of the meta-parameters. It gives one "
            "gradient for the batch, without an axis for tasks."
        )
    return tree_map(lambda leaf: leaf[None], gradient)


def _one_after_another(one_task: Program, state: TrainingState, now: Stage, tasks: Task) -> Gradient:
    """The gradients of tasks in order. Each task gets the memory of the task before; the last memory is returned."""
    memory, gradients = now.memory, []
    for index in range(len(tasks.key)):
        task = tree_map(lambda leaf, index=index: leaf[index : index + 1], tasks)
        results = one_task((state.meta, now.outer, memory), task)
        gradients.append(tree_map(torch.clone, results))  # a recorded program overwrites its last results
        memory = {name: tensor[0] for name, tensor in gradients[-1].memory.items()}
    meta, metrics = tree_map(lambda *leaves: torch.cat(leaves), *((one.meta, one.metrics) for one in gradients))
    return Gradient(meta, metrics, memory)
