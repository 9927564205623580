"""Accuracy on a fixed set of tasks, by one set of meta-parameters or by the mean logits of several."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from fewshot_bench.hypergradients.batching import over_tasks
from fewshot_bench.inner_optimizers.base import OuterState
from fewshot_bench.learners.base import Learner, Meta, Parts, accuracy
from fewshot_bench.training.tasks import Stream

CHUNK = 50  # tasks adapted at once


class Scores(NamedTuple):
    """By task: accuracy (a fraction) and cross-entropy (nats) on its query set, float64 [tasks] on the CPU."""

    accuracy: Tensor
    loss: Tensor


def evaluate(
    learner: Learner,
    parts: Parts,
    members: Sequence[Meta],
    outer: OuterState,
    tasks: Stream,
    count: int,
    steps: int,
    layout: str,
) -> Scores:
    """Scores on tasks 0 ... count - 1. members: meta-parameters whose logits are averaged before the argmax.

    All members adapt from the same statistics of the meta-optimizer (the last ones, as in the paper's fork).
    """
    accuracies, losses = [], []
    for first in range(0, count, CHUNK):
        batch = tasks(first, min(first + CHUNK, count))
        total: Tensor | None = None
        for meta in members:
            logits = over_tasks(lambda task, m=meta: learner.predict(parts, m, outer, task, steps=steps), layout)(batch)
            total = logits if total is None else total + logits
        assert total is not None
        mean = (total / len(members)).detach()
        accuracies.append(accuracy(mean, batch.query.y))
        losses.append(F.cross_entropy(mean.transpose(1, 2), batch.query.y, reduction="none").mean(-1))
    return Scores(*(torch.cat(values).double().cpu() for values in (accuracies, losses)))


def half_width_95(values: Tensor) -> float:
    """Half the width of the normal 95 % interval of the mean: 1.96 sd / sqrt(n), over tasks."""
    return 1.96 * float(values.std(correction=1)) / len(values) ** 0.5 if len(values) > 1 else 0.0
