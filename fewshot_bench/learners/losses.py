"""Cross-entropy of a network on a task's support and query images."""

import torch.nn.functional as F
from torch import Tensor

from fewshot_bench.backbones.noise import Noise
from fewshot_bench.hypergradients.problem import Task
from fewshot_bench.inner_optimizers.base import Params
from fewshot_bench.learners.base import BatchNorm
from fewshot_bench.learners.model import Model, query_logits


def support_loss(model: Model, w: Params, task: Task, noise: Noise | None = None) -> Tensor:
    """What adaptation lowers, nats."""
    return F.cross_entropy(model.apply(w, task.support.x, noise), task.support.y)


def query_loss(
    model: Model, batch_norm: BatchNorm, w: Params, task: Task, noise: Noise | None = None
) -> tuple[Tensor, Tensor]:
    """What adaptation is judged by, nats, and the logits [queries, ways]."""
    logits = query_logits(model.apply, batch_norm, w, task, noise)
    return F.cross_entropy(logits, task.query.y), logits
