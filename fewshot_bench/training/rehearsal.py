"""A rehearsal: one meta-step and one evaluation of a cell on random images, before any work.

A network, learner or inner optimizer from outside the package may fail only when a cell runs: a layer may not work
under vmap, a forward pass may not be traceable. The rehearsal calls the same functions as a run, with the same plan, so
such faults show before the first epoch.
"""

from dataclasses import replace

import torch

from fewshot_bench.basics.errors import BenchError
from fewshot_bench.basics.images import ImageShape
from fewshot_bench.cells.cell import Cell
from fewshot_bench.data.dataset import Loss
from fewshot_bench.data.datasets import dataset_of
from fewshot_bench.hypergradients.batching import tree_map
from fewshot_bench.hypergradients.problem import Batch, Task
from fewshot_bench.training.assembly import Assembly, Network, learner_and_parts
from fewshot_bench.training.evaluation import evaluate, predictions, test_batch_norms
from fewshot_bench.training.gradients import gradients
from fewshot_bench.training.meta_step import TrainingState, apply_gradient, batch, begin, read_metrics, stage
from fewshot_bench.training.plan import Plan, as_planned
from fewshot_bench.training.tasks import Stream, Streams

TASKS = 2


def named_from_outside(cell: Cell) -> bool:
    """Whether a part of the cell is named by import path. The package's own parts are combined by its tests."""
    return any(":" in name for name in (cell.learner, cell.backbone, cell.inner_optimizer))


def rehearse_cell(cell: Cell, plan: Plan, network: Network | None = None) -> None:
    """`rehearse` for a cell of a grid. Errors of its parts pass through; see basics.errors.explained."""
    with as_planned(plan):
        learner, parts = learner_and_parts(cell, plan, network)
        known = dataset_of(cell)
        streams = random_streams(cell, known.shape, plan.device, known.loss)
        rehearse(Assembly(cell, plan, learner, parts, streams, {}))


def rehearse(assembly: Assembly) -> None:
    """Computes one meta-step on two tasks, then two test tasks, by the assembly's plan, with at most one inner step.

    A cell of 0 iterations has no meta-step. Raises the errors that a run would raise, and BenchError if the whole
    meta-gradient is zero. The gradient of the weights alone may be zero, since a learner may learn only its rates.
    """
    cell = assembly.cell
    training = replace(cell.training, tasks_per_batch=TASKS, inner_steps=min(cell.training.inner_steps, 1))
    cell = replace(cell, training=training, evaluation=replace(cell.evaluation, inner_steps=min(cell.test_steps, 1)))
    plan = assembly.plan._replace(tasks_at_once=min(assembly.plan.tasks_at_once, TASKS), workers=1, replicas=1)
    assembly = assembly._replace(cell=cell, plan=plan)
    state = begin(assembly.learner, assembly.parts, cell.training.inner_steps, plan.device)
    if cell.training.iterations:
        _meta_step(assembly, state)
    predict, now = predictions(assembly), stage(state, cell.test_steps, cell.training.iterations_per_epoch)
    for batch_norm in test_batch_norms(assembly):
        evaluate(
            predict,
            [state.meta],
            now,
            assembly.streams.test,
            TASKS,
            batch_norm,
            objective=assembly.parts.objective,
        )


def _meta_step(assembly: Assembly, state: TrainingState) -> None:
    gradient = gradients(assembly)([state], [batch(assembly, 0)])[0]
    if assembly.cell.training.inner_steps and gradient.meta and not any(bool(g.any()) for g in gradient.meta.values()):
        raise BenchError(
            "the meta-gradient is zero for every tensor, so nothing would be learned. A detach, no_grad or .data in a "
            "forward pass does that."
        )
    read_metrics([apply_gradient(assembly, state, gradient)], 0)


def random_streams(cell: Cell, image: ImageShape, device: str, loss: Loss = "cross-entropy") -> Streams:
    """Streams of TASKS tasks of random pixels, with the cell's ways, shots and queries."""

    def stream(ways: int, shots: int, queries: int) -> Stream:
        drawn = random_tasks(image, ways, classes=ways, shots=shots, queries=queries)
        if loss != "cross-entropy":
            drawn = drawn._replace(support=_with_values(drawn.support, ways), query=_with_values(drawn.query, ways))
        tasks = tree_map(lambda tensor: tensor.to(device), drawn)
        return lambda first, end: tasks

    test = stream(cell.ways, cell.shots, cell.test_queries)
    return Streams(stream(cell.train_ways, cell.train_shots, cell.training.queries), test, test)


def _with_values(batch: Batch, ways: int) -> Batch:
    """The batch with a value for each output in place of labels, for regression."""
    return batch._replace(y=batch.x.flatten(2).mean(-1, keepdim=True).expand(-1, -1, ways))


def random_tasks(
    image: ImageShape,
    ways: int,
    classes: int,
    *,
    dtype: torch.dtype = torch.float32,
    count: int = TASKS,
    shots: int = 1,
    queries: int = 1,
    seed: int = 1,
) -> Task:
    """Tasks of random pixels in [0, 1) on a leading axis, a function of the seed. classes: number to draw from."""
    generator = torch.Generator().manual_seed(seed)

    def batch(per_class: int) -> Batch:
        x = torch.rand(count, ways * per_class, *image, dtype=torch.float64, generator=generator)
        return Batch(x.to(dtype), torch.arange(ways).repeat_interleave(per_class).expand(count, -1))

    support, query = batch(shots), batch(queries)
    drawn = torch.stack([torch.randperm(classes, generator=generator)[:ways] for _ in range(count)])
    return Task(support, query, drawn, torch.arange(1, count + 1) * 7919)
