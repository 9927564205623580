"""A backbone to be tested, and what it is tested with: random images and the paper's maml++."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from fewshot_bench.backbones.functional import ELEMENTARY, Operations
from fewshot_bench.basics.images import ImageShape
from fewshot_bench.conformance.tiny import TRAIN_CLASSES, at_the_start, one, tasks
from fewshot_bench.hypergradients.problem import Task
from fewshot_bench.inner_optimizers import INNER_OPTIMIZERS
from fewshot_bench.learners import LEARNERS
from fewshot_bench.learners.base import Gradient, Meta, Parts
from fewshot_bench.learners.model import Model, build

STEPS, RATE = 1, 0.01
"""Inner steps, and their learning rate: one, and a short one, is second order already, and leads nowhere extreme."""


class Backbone(NamedTuple):
    """make(image, ways) -> torch module, its options given; image, ways: what it is tried on."""

    make: Callable[..., Any]
    image: ImageShape
    ways: int


class Trial(NamedTuple):
    """maml++ at the start of training. gradient(meta, task) -> the gradient of one task."""

    meta: Meta
    gradient: Callable[[Meta, Task], Gradient]


def model_of(
    net: Backbone,
    *,
    ways: int | None = None,
    seed: int = 0,
    dtype: torch.dtype = torch.float64,
    operations: Operations = ELEMENTARY,
) -> Model:
    """The network as a function, its buffers of the same type as its weights."""
    ways = net.ways if ways is None else ways
    return build(lambda: net.make(net.image, ways).to(dtype), ways, seed, operations=operations)


def tasks_of(net: Backbone, dtype: torch.dtype = torch.float64) -> Task:
    """Two 1-shot tasks with one query a class, on a leading axis."""
    return tasks(net.image, net.ways, dtype)


def images_of(net: Backbone) -> Tensor:
    """[ways, c, h, w], float64 in [0, 1]."""
    return one(tasks_of(net)).query.x


def maml(
    net: Backbone,
    rule: str,
    dtype: torch.dtype = torch.float64,
    operations: Operations = ELEMENTARY,
    second_order: bool = True,
) -> Trial:
    """maml++: its meta-gradient goes through the gradient of the inner step, to weights and learning rates."""
    model = model_of(net, dtype=dtype, operations=operations)
    parts = Parts(model, INNER_OPTIMIZERS[rule](lr=RATE), TRAIN_CLASSES)
    learner, stage = LEARNERS["maml++"](second_order=second_order), at_the_start(parts.model.weights, STEPS)
    return Trial(learner.start(parts, STEPS), lambda meta, task: learner.meta_gradient(parts, meta, stage, task))
