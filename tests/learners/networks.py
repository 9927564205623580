"""Small tasks and networks in float64, for comparisons to rounding."""

import torch
from torch import nn

from fewshot_bench.basics.images import ImageShape
from fewshot_bench.conformance import tiny
from fewshot_bench.conformance.tiny import one as one
from fewshot_bench.hypergradients.problem import Task
from fewshot_bench.inner_optimizers import INNER_OPTIMIZERS
from fewshot_bench.inner_optimizers.base import OuterState
from fewshot_bench.learners.base import Parts, Stage
from fewshot_bench.learners.model import build

IMAGE = ImageShape(1, 28, 28)


def small(image: ImageShape = IMAGE, ways: int = 3) -> nn.Module:
    """Two blocks of the VGG with 4 filters: convolution, batch norm, leaky ReLU, max-pool; then linear."""
    return _blocks(image, ways, nn.LeakyReLU(0.01), nn.MaxPool2d(4))


def smooth(image: ImageShape = IMAGE, ways: int = 3) -> nn.Module:
    """The same without kinks, which finite differences would step over."""
    return _blocks(image, ways, nn.Tanh(), nn.AvgPool2d(4))


def _blocks(image: ImageShape, ways: int, activation: nn.Module, pool: nn.Module) -> nn.Module:
    # Without bias before the norm: its gradient is zero but for rounding, which Adam would blow up to full steps.
    blocks = [
        layer
        for channels in (image.channels, 4)
        for layer in (nn.Conv2d(channels, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), activation, pool)
    ]
    return nn.Sequential(*blocks, nn.Flatten(), nn.Linear(4, ways))


def parts(make=small, rule: str = "sgd", dtype=torch.float64, ways: int = 3, **options) -> Parts:
    model = build(make, ways, seed=0)
    weights = {name: tensor.to(dtype) for name, tensor in model.weights.items()}
    return Parts(model._replace(weights=weights), INNER_OPTIMIZERS[rule](**options), tiny.TRAIN_CLASSES)


def tasks(count: int = 2, ways: int = 3, image: ImageShape = IMAGE, shots: int = 1) -> Task:
    """With as many queries as support images."""
    return tiny.tasks(image, ways, torch.float64, count, shots, queries=shots)


def no_statistics(parts: Parts) -> OuterState:
    return tiny.at_the_start(parts.model.weights, steps=0).outer


def mid_training(parts: Parts) -> OuterState:
    """Statistics a meta-optimizer might have after some meta-steps."""
    return tiny.in_training(parts.model.weights, steps=0).outer


def at(outer: OuterState, steps: int = 3, epoch: int = 0, memory=None, recompute: bool = False) -> Stage:
    return Stage(outer, memory or {}, steps, epoch, recompute)
