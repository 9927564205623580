"""Prototypical networks: a class is the mean of its embedded support images (Snell et al. 2017, arXiv:1703.05175).

Facts of the code are from jakesnell/prototypical-networks (protonets/models/few_shot.py, scripts/train/few_shot).
"""

from math import inf
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.func import grad_and_value, vmap

from fewshot_bench.backbones.noise import Noise
from fewshot_bench.basics.about import About
from fewshot_bench.hypergradients.problem import Task
from fewshot_bench.inner_optimizers.base import Params, check_range
from fewshot_bench.learners.base import (
    WEIGHTS,
    BatchNorm,
    Gradient,
    Learner,
    Meta,
    MetaUpdate,
    Parts,
    Stage,
    Traits,
    accuracy,
    adam,
    grouped,
    halving,
    select,
)
from fewshot_bench.learners.model import Model
from fewshot_bench.learners.streams import noise

NAMES: dict[str, About] = {
    "protonet": {
        "title": "prototypical networks: the nearest class mean in a learned embedding (Snell et al. 2017)",
        "inner_loop": False,
        "any_ways": True,
        "only_classes": True,
        "learns": "an embedding",
        "gradient": "plain",
        "cite": {"snell2017": "the algorithm", "kingma2015": "the meta-optimizer"},
        "published": [
            {
                "source": "ProtoNet paper",
                "method": "ProtoNet",
                "recipe": "only beside vgg, the nearest to its four convolutions; trained on tasks of more ways, "
                "tested with batch norm's running averages of training; ±: half the 95 % interval over its test tasks",
                "batch_norm": None,
                "inner_optimizer": "none",
            },
            {
                "source": "PaddleFSL README quoting the paper",
                "method": "ProtoNet",
                "recipe": "only beside vgg, the nearest to its four convolutions; trained on tasks of more ways, "
                "tested with batch norm's running averages of training; without a ±",
                "batch_norm": None,
                "inner_optimizer": "none",
                "quoted": "Quoted by PaddleFSL's README from the paper.",
            },
        ],
    }
}

Distance = Literal["euclidean", "cosine"]


def protonet(
    *,
    distance: Distance = "euclidean",
    meta_lr: float = 0.001,
    halve_every: int = 2000,
    batch_norm: BatchNorm = "transductive",
) -> Learner:
    """A prototypical network: the backbone without its head, trained to put images near the mean of their class.

    Published settings: training on 60-way tasks with 5 queries a class (Omniglot), or 30-way (1-shot) and 20-way
    (5-shot) with 15 queries (mini-ImageNet); shots as in the test; one task a meta-step.

    Args:
        distance: Squared Euclidean distance to the means, or one less the cosine, which the paper found worse (section
            3).
        meta_lr: Adam's learning rate at first (--train.learning_rate).
        halve_every: Meta-steps after which it is halved again (20 epochs of 100 tasks, --train.decay_every); 0: never.
        batch_norm: Support set and queries in one batch, as the code trains, or each query alone with the support set.
            The code then tests with running averages of training ("eval mode"), which no learner here has.

    Raises:
        ValueError: An option is out of range.
    """
    check_range("meta_lr", meta_lr, 0, inf)
    check_range("halve_every", halve_every, 0, inf)

    def logits(model: Model, w: Params, task: Task, batch_norm: BatchNorm, noise: Noise | None) -> Tensor:
        """Logits [queries, ways]: minus the distance of each query to the mean of each class in the support set."""
        support = task.support
        labels = torch.arange(len(task.classes), device=support.y.device)
        members = (labels[:, None] == support.y).to(support.x.dtype)  # [ways, support images]

        def of(queries: Tensor) -> Tensor:
            z = model.embed(w, torch.cat([support.x, queries]), noise)
            means = members @ z[: len(support.y)] / members.sum(1, keepdim=True)
            return _closeness(z[len(support.y) :], means, distance)

        if batch_norm == "transductive":
            return of(task.query.x)
        return vmap(lambda image: of(image[None])[0])(task.query.x)

    def start(parts: Parts, steps: int) -> Meta:
        return grouped(WEIGHTS, {name: w for name, w in parts.model.weights.items() if name not in parts.model.head})

    def meta_gradient(parts: Parts, meta: Meta, stage: Stage, task: Task) -> Gradient:
        def loss(meta: Meta) -> tuple[Tensor, Tensor]:
            scores = logits(parts.model, select(meta, WEIGHTS), task, batch_norm, noise(task, "batch"))
            return F.cross_entropy(scores, task.query.y), scores

        gradient, (value, scores) = grad_and_value(loss, has_aux=True)(meta)
        return Gradient(gradient, {"loss": value, "accuracy": accuracy(scores, task.query.y)}, {})

    def predict(parts: Parts, meta: Meta, stage: Stage, task: Task, batch_norm: BatchNorm) -> Tensor:
        return logits(parts.model, select(meta, WEIGHTS), task, batch_norm, None)

    return Learner(
        meta_gradient,
        predict,
        update=lambda parts: MetaUpdate(adam(meta_lr), halving(meta_lr, halve_every)),
        start=start,
        traits=Traits(batch_norm, inner_loop=False, any_ways=True, only_classes=True),
    )


def _closeness(z: Tensor, means: Tensor, distance: Distance) -> Tensor:
    """Minus the distances to the means. z: [n, features]; means: [ways, features]; result: [n, ways]."""
    if distance == "cosine":
        return F.normalize(z, dim=1) @ F.normalize(means, dim=1).T - 1
    return -(z[:, None] - means).square().sum(2)
