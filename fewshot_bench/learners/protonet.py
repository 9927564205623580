"""Prototypical networks: classes are the means of their embedded support images (Snell et al. 2017, arXiv:1703.05175).

Facts of the code are from jakesnell/prototypical-networks (protonets/models/few_shot.py, scripts/train/few_shot).
"""

from collections.abc import Hashable
from dataclasses import dataclass
from math import inf
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.func import grad_and_value, vmap

from fewshot_bench.backbones.noise import Noise
from fewshot_bench.hypergradients.problem import Task
from fewshot_bench.inner_optimizers.base import Params, check_range
from fewshot_bench.learners.base import (
    WEIGHTS,
    BatchNorm,
    Gradient,
    Memory,
    Meta,
    MetaUpdate,
    Parts,
    Stage,
    Traits,
    accuracy,
    grouped,
    select,
)
from fewshot_bench.learners.model import Model
from fewshot_bench.learners.schedules import halving


@dataclass(frozen=True, kw_only=True)
class Protonet:
    """A prototypical network: the backbone without its head, trained to put images near the mean of their class.

    Published settings: training on 60-way tasks with 5 queries a class (Omniglot), or 30-way (1-shot) and 20-way
    (5-shot) with 15 queries (mini-ImageNet); shots as in the test; one task a meta-step.
    """

    distance: Literal["euclidean", "cosine"] = "euclidean"
    """Squared Euclidean distance to the means, or one less the cosine, which the paper found worse (section 3)."""

    meta_lr: float = 0.001
    """Adam's learning rate at first (--train.learning_rate)."""

    halve_every: int = 2000
    """Meta-steps after which it is halved again (20 epochs of 100 tasks, --train.decay_every); 0: never."""

    batch_norm: BatchNorm = "transductive"
    """Support set and queries in one batch, as the code trains, or each query alone with the support set.

    The code then tests with running averages of training ("eval mode"), which no learner here has.
    """

    def __post_init__(self) -> None:
        """Raises ValueError for an option out of range."""
        check_range("meta_lr", self.meta_lr, 0, inf)
        check_range("halve_every", self.halve_every, 0, inf)

    @property
    def traits(self) -> Traits:
        return Traits(self.batch_norm, inner_loop=False, any_ways=True)

    def start(self, parts: Parts, steps: int) -> Meta:
        return grouped(WEIGHTS, {name: w for name, w in parts.model.weights.items() if name not in parts.model.head})

    def memory(self, parts: Parts) -> Memory:
        return {}

    def meta_gradient(self, parts: Parts, meta: Meta, stage: Stage, task: Task) -> Gradient:
        def loss(meta: Meta) -> tuple[Tensor, Tensor]:
            logits = self._logits(parts.model, select(meta, WEIGHTS), task, self.batch_norm, Noise(task.key, 0))
            return F.cross_entropy(logits, task.query.y), logits

        gradient, (value, logits) = grad_and_value(loss, has_aux=True)(meta)
        return Gradient(gradient, {"loss": value, "accuracy": accuracy(logits, task.query.y)}, {})

    def phase(self, epoch: int) -> Hashable:
        return 0

    def predict(self, parts: Parts, meta: Meta, stage: Stage, task: Task, batch_norm: BatchNorm) -> Tensor:
        return self._logits(parts.model, select(meta, WEIGHTS), task, batch_norm, None)

    def update(self, parts: Parts) -> MetaUpdate:
        return MetaUpdate(
            optimizer=lambda tensors: torch.optim.Adam(tensors, lr=self.meta_lr),
            rate=halving(self.meta_lr, self.halve_every),
        )

    def learned(self, parts: Parts, meta: Meta) -> Meta:
        return {}

    def _logits(self, model: Model, w: Params, task: Task, batch_norm: BatchNorm, noise: Noise | None) -> Tensor:
        """Minus the distance of each query to each class, [queries, ways]; the classes are those in the support set."""
        support = task.support
        labels = torch.arange(len(task.classes), device=support.y.device)
        members = (labels[:, None] == support.y).to(support.x.dtype)  # [ways, support images]

        def of(queries: Tensor) -> Tensor:
            z = model.embed(w, torch.cat([support.x, queries]), noise)
            means = members @ z[: len(support.y)] / members.sum(1, keepdim=True)
            return self._closeness(z[len(support.y) :], means)

        if batch_norm == "transductive":
            return of(task.query.x)
        return vmap(lambda image: of(image[None])[0])(task.query.x)

    def _closeness(self, z: Tensor, means: Tensor) -> Tensor:
        """Minus the distances. z: [n, features]; means: [ways, features]; result: [n, ways]."""
        if self.distance == "cosine":
            return F.normalize(z, dim=1) @ F.normalize(means, dim=1).T - 1
        return -(z[:, None] - means).square().sum(2)
