"""Schedules of the meta-learning rate, as functions of training's progress."""

from collections.abc import Callable
from math import cos, pi

from fewshot_bench.learners.base import Progress

Rate = Callable[[Progress], float]


def constant(rate: float) -> Rate:
    """The same throughout."""
    return lambda progress: rate


def cosine(start: float, end: float) -> Rate:
    """Cosine annealing as torch's CosineAnnealingLR with T_max = all epochs, stepped once an epoch (MAML++)."""
    return lambda at: end + (start - end) * (1 + cos(pi * min(at.epoch / at.epochs, 1.0))) / 2


def linear(start: float, end: float) -> Rate:
    """From `start` at the first meta-step towards `end` after the last (Reptile's --meta-step, --meta-step-final)."""
    return lambda at: start + (end - start) * at.iteration / at.iterations


def halving(start: float, every: int) -> Rate:
    """Half as much after each `every` meta-steps: torch's StepLR with gamma 0.5; 0: the same throughout."""
    return lambda at: start * 0.5 ** (at.iteration // every if every else 0)
