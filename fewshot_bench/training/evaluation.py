"""Evaluation: accuracy on a fixed set of tasks, of one set of meta-parameters or of the mean logits of several."""

from collections.abc import Callable, Hashable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from fewshot_bench.basics.errors import CellError
from fewshot_bench.hypergradients.problem import Task
from fewshot_bench.learners.base import BatchNorm, Meta, Stage
from fewshot_bench.learners.objective import CLASSIFICATION, Objective
from fewshot_bench.training.assembly import Assembly
from fewshot_bench.training.programs.base import Program
from fewshot_bench.training.programs.program import program
from fewshot_bench.training.tasks import Stream

CHUNK = 50  # tasks whose images are loaded at a time


class Scores(NamedTuple):
    """Score and loss on the query set of each task, float64 [tasks] on the CPU.

    accuracy: of classification, a fraction; of regression, minus the mean squared error. loss: cross-entropy in nats,
    or the mean squared error.
    """

    accuracy: Tensor
    loss: Tensor


Predict = Callable[[Meta, Stage, Task, BatchNorm], Tensor]
"""(meta-parameters, stage of training, tasks, how queries are normalised) -> logits [tasks, queries, ways]."""


def predictions(assembly: Assembly) -> Predict:
    """The learner's predictions for many tasks, computed by the plan. Programs are made when first needed."""
    programs: dict[tuple[Hashable, int, BatchNorm], Program] = {}

    def predict(meta: Meta, now: Stage, tasks: Task, batch_norm: BatchNorm) -> Tensor:
        key = assembly.learner.phase(now.epoch), now.steps, batch_norm
        if key not in programs:

            def of_one(shared: Any, task: Task) -> Tensor:
                meta, outer, memory = shared
                at = now._replace(outer=outer, memory=memory)
                return assembly.learner.predict(assembly.parts, meta, at, task, batch_norm)

            programs[key] = program(of_one, assembly.plan, assembly.note)
        logits: Tensor = programs[key]((meta, now.outer, now.memory), tasks)
        return logits

    return predict


def evaluate(
    predict: Predict,
    members: Sequence[Meta],
    now: Stage,
    tasks: Stream,
    count: int,
    batch_norm: BatchNorm,
    before_chunk: Callable[[], None] = lambda: None,
    objective: Objective = CLASSIFICATION,
) -> Scores:
    """Scores on the first `count` tasks of a stream.

    Args:
        predict: From `predictions`.
        members: Meta-parameters whose logits are averaged. All adapt with the last statistics of the meta-optimizer, as
            in the paper's fork.
        now: The stage of training.
        tasks: The stream of tasks.
        count: Number of tasks.
        batch_norm: How queries are normalised.
        objective: Of the dataset.
        before_chunk: Called before each member predicts up to CHUNK tasks. It may raise to stop the evaluation.

    Raises:
        CellError: A logit is not finite, so no class can be predicted from it.
    """
    accuracies, losses = [], []
    for first in range(0, count, CHUNK):
        batch = tasks(first, min(first + CHUNK, count))
        total = torch.zeros(())
        for meta in members:  # one at a time: a program overwrites its last results
            before_chunk()
            total = predict(meta, now, batch, batch_norm) + total.to(batch.query.x.device)
        mean = total / len(members)
        if not bool(mean.isfinite().all()):
            raise CellError(f"logits are not finite in the evaluation of tasks {first} to {first + len(mean) - 1}.")
        accuracies.append(objective.scores(mean, batch.query.y).cpu().double().mean(-1))
        losses.append(objective.losses(mean, batch.query.y).cpu().double().mean(-1))
    return Scores(torch.cat(accuracies), torch.cat(losses))


def half_width_95(values: Tensor) -> float:
    """Half the width of the normal 95 % interval of the mean: 1.96 sd / sqrt(n), over tasks."""
    return 1.96 * float(values.std(correction=1)) / len(values) ** 0.5 if len(values) > 1 else 0.0


def test_batch_norms(assembly: Assembly) -> tuple[BatchNorm, ...]:
    """The batch norms of the cell's tests: first the one that the learner is trained with."""
    own: BatchNorm = assembly.learner.traits.batch_norm
    other: BatchNorm = "inductive" if own == "transductive" else "transductive"
    return (own, other) if assembly.cell.evaluation.both_batch_norms else (own,)
