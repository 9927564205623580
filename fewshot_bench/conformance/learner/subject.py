"""A learner to be tested, and what it is tested with: a small network without kinks and two tasks, in float64."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch

from fewshot_bench.basics.images import ImageShape
from fewshot_bench.conformance.tiny import TRAIN_CLASSES, in_training, smooth, tasks
from fewshot_bench.hypergradients.problem import Task
from fewshot_bench.inner_optimizers import INNER_OPTIMIZERS
from fewshot_bench.learners.base import Learner, Memory, Meta, Parts, Stage
from fewshot_bench.learners.model import build

IMAGE, WAYS, STEPS = ImageShape(1, 8, 8), 3, 2


class Candidate(NamedTuple):
    """make() -> learner, its options given."""

    make: Callable[..., Any]


class Trial(NamedTuple):
    """A learner in mid-training, its meta-parameters where they start."""

    learner: Learner
    parts: Parts
    meta: Meta
    stage: Stage


def trial(candidate: Candidate, memory: Memory | None = None) -> Trial:
    """With SGD, after some meta-steps of another start; memory: of the task before, else what the first is given."""
    learner = candidate.make()
    model = build(lambda: smooth(IMAGE, WAYS).double(), WAYS, seed=0)
    parts = Parts(model, INNER_OPTIMIZERS["sgd"](), "omniglot", TRAIN_CLASSES)
    carried = learner.memory(parts) if memory is None else memory
    return Trial(learner, parts, learner.start(parts, STEPS), in_training(model.weights, STEPS, carried))


def two_tasks(ways: int = WAYS, queries: int = 2) -> Task:
    """1-shot tasks on a leading axis."""
    return tasks(IMAGE, ways, torch.float64, queries=queries)
