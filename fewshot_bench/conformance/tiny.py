"""Tiny problems for checks: random tasks, a smooth network, and stages of training."""

from collections import OrderedDict

import torch
from torch import nn

from fewshot_bench.basics.images import ImageShape
from fewshot_bench.hypergradients.batching import tree_map
from fewshot_bench.hypergradients.problem import Task
from fewshot_bench.inner_optimizers.base import OuterState, Params
from fewshot_bench.learners.base import Memory, Stage
from fewshot_bench.training.rehearsal import random_tasks

TRAIN_CLASSES = 10
"""Classes that tiny tasks draw from."""


def tasks(
    image: ImageShape,
    ways: int,
    dtype: torch.dtype,
    count: int = 2,
    shots: int = 1,
    queries: int = 1,
    seed: int = 1,
) -> Task:
    """Tasks of random pixels, the same every time, on a leading axis."""
    return random_tasks(image, ways, TRAIN_CLASSES, dtype=dtype, count=count, shots=shots, queries=queries, seed=seed)


def one(tasks: Task, index: int = 0) -> Task:
    """One of several tasks."""
    task: Task = tree_map(lambda leaf: leaf[index], tasks)
    return task


def smooth(image: ImageShape, ways: int) -> nn.Module:
    """A network without kinks that has all that a learner may need: convolution, batch norm, tanh, pool, linear."""
    layers = OrderedDict(
        conv=nn.Conv2d(image.channels, 4, 3, padding=1, bias=False),  # a bias before batch norm has a zero gradient
        norm=nn.BatchNorm2d(4),
        tanh=nn.Tanh(),
        pool=nn.AdaptiveAvgPool2d(2),
        flatten=nn.Flatten(),
        head=nn.Linear(16, ways),
    )
    return nn.Sequential(layers)


def at_the_start(weights: Params, steps: int, memory: Memory | None = None) -> Stage:
    """The stage before the first meta-step: the meta-optimizer's statistics are zero."""
    zeros = {name: torch.zeros_like(p) for name, p in weights.items()}
    return Stage(OuterState(zeros, zeros, torch.zeros(())), memory or {}, steps, 0)


def in_training(weights: Params, steps: int, memory: Memory | None = None) -> Stage:
    """A stage with statistics as after a hundred meta-steps."""
    generator = torch.Generator().manual_seed(2)
    mean = {name: 0.01 * torch.randn(p.shape, dtype=p.dtype, generator=generator) for name, p in weights.items()}
    squares = {name: m * m + 1e-4 for name, m in mean.items()}
    return Stage(OuterState(mean, squares, torch.tensor(100.0)), memory or {}, steps, 0)
