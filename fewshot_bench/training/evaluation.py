"""Accuracy on a fixed set of tasks, by one set of meta-parameters or by the mean logits of several."""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from fewshot_bench.basics.errors import CellError
from fewshot_bench.hypergradients.batching import over_tasks
from fewshot_bench.hypergradients.problem import Task
from fewshot_bench.learners.base import BatchNorm, Meta, Stage
from fewshot_bench.training.assembly import Assembly
from fewshot_bench.training.tasks import Stream

CHUNK = 50  # tasks whose images are made ready at a time


class Scores(NamedTuple):
    """By task: accuracy (a fraction) and cross-entropy (nats) on its query set, float64 [tasks] on the CPU."""

    accuracy: Tensor
    loss: Tensor


def evaluate(assembly: Assembly, members: Sequence[Meta], now: Stage, tasks: Stream, batch_norm: BatchNorm) -> Scores:
    """Scores on the first evaluation.tasks of a stream. members: meta-parameters whose logits are averaged.

    All members adapt from the same stage of training (the last statistics of the meta-optimizer, as in the paper's
    fork). batch_norm: how queries are normalised. Raises CellError where a logit is not finite: the class of the
    largest would mean nothing.
    """
    cell, learner, parts = assembly.cell, assembly.learner, assembly.parts

    def predict(meta: Meta, task: Task) -> Tensor:
        return learner.predict(parts, meta, now, task, batch_norm)

    accuracies, losses = [], []
    for first in range(0, cell.evaluation.tasks, CHUNK):
        batch = tasks(first, min(first + CHUNK, cell.evaluation.tasks))
        logits = [over_tasks(partial(predict, meta), assembly.plan.tasks_at_once)(batch) for meta in members]
        mean = torch.stack(logits).mean(0)
        if not bool(mean.isfinite().all()):
            raise CellError(f"logits are not finite in the evaluation of tasks {first} to {first + len(mean) - 1}.")
        accuracies.append((mean.argmax(-1) == batch.query.y).cpu().double().mean(-1))
        losses.append(F.cross_entropy(mean.transpose(1, 2), batch.query.y, reduction="none").cpu().double().mean(-1))
    return Scores(torch.cat(accuracies), torch.cat(losses))


def half_width_95(values: Tensor) -> float:
    """Half the width of the normal 95 % interval of the mean: 1.96 sd / sqrt(n), over tasks."""
    return 1.96 * float(values.std(correction=1)) / len(values) ** 0.5 if len(values) > 1 else 0.0
