"""The contract of a learner: a value of functions, what they are given and what they return."""

from collections.abc import Callable, Hashable
from math import cos, pi
from typing import NamedTuple

import torch
from torch import Tensor

from fewshot_bench.basics.about import BatchNorm as BatchNorm
from fewshot_bench.basics.about import Traits as Traits
from fewshot_bench.basics.errors import BenchError
from fewshot_bench.hypergradients.problem import Task
from fewshot_bench.inner_optimizers.base import InnerOptimizer, OuterState, Params
from fewshot_bench.learners.model import Model

Meta = dict[str, Tensor]
"""All meta-parameters, flat: "weights/<parameter>", and "<group>/<name>" for whatever else is meta-learned."""

Memory = dict[str, Tensor]
"""What a learner carries from task to task beside the meta-parameters, flat; empty for nearly all."""

WEIGHTS = "weights"


class Parts(NamedTuple):
    """What a cell crosses a learner with. train_classes: how many classes training tasks draw from."""

    model: Model
    opt: InnerOptimizer
    train_classes: int


class Stage(NamedTuple):
    """How far training is, the same for all tasks of a meta-step or an evaluation.

    outer: the meta-optimizer's statistics; memory: of the learner; steps: of the inner loop; epoch: from 0.
    recompute: inner steps are computed once more on the way back instead of kept (hypergradients/recomputed.py); a
    learner that cannot ignores it.
    """

    outer: OuterState
    memory: Memory
    steps: int
    epoch: int
    recompute: bool = False


class Gradient(NamedTuple):
    """A meta-gradient, of one task, of several (stacked on a leading axis), or of a batch.

    meta: shaped like the meta-parameters. metrics: 0-dimensional tensors, "loss" and "accuracy" at least. memory: what
    the next task is given; a learner with memory has its tasks one after another.
    """

    meta: Meta
    metrics: dict[str, Tensor]
    memory: Memory


class Progress(NamedTuple):
    """How far training is: meta-steps done, to do in all, and in an epoch."""

    iteration: int
    iterations: int
    per_epoch: int

    @property
    def epoch(self) -> int:
        return self.iteration // self.per_epoch

    @property
    def epochs(self) -> float:
        return self.iterations / self.per_epoch


Optimizer = Callable[[list[Tensor]], torch.optim.Optimizer]
"""Makes the meta-optimizer of the meta-parameters, in the order of `Learner.start`."""

Rate = Callable[[Progress], float]
"""The meta-learning rate at a meta-step."""


class MetaUpdate(NamedTuple):
    """How the batch's meta-gradient moves the meta-parameters.

    clip(gradient): the gradient that the optimizer is given instead; clip_on: datasets on which it is clipped, None:
    all. bound(meta): the meta-parameters brought back into their ranges after the step.
    """

    optimizer: Optimizer
    rate: Rate
    clip: Callable[[Meta], Meta] = lambda gradient: gradient
    bound: Callable[[Meta], Meta] = lambda meta: meta
    clip_on: tuple[str, ...] | None = None


OfTasks = Callable[[Meta, Task], Gradient]
"""(meta, tasks) -> `meta_gradient` of each of the tasks at these meta-parameters, stacked on a leading axis."""

BatchGradient = Callable[[Parts, Meta, Stage, Task, OfTasks], Gradient]


def _weights(parts: Parts, steps: int) -> Meta:
    return grouped(WEIGHTS, parts.model.weights)


class Learner(NamedTuple):
    """A learner: pure functions of what they are given. All but `batch_gradient` are for ONE task, under `vmap`.

    meta_gradient(parts, meta, stage, task) -> Gradient: the task's meta-gradient.
    predict(parts, meta, stage, task, batch_norm) -> logits [queries, ways] after adapting to the support set, without
    dropout; the query labels are not looked at.
    update(parts) -> MetaUpdate: the meta-optimizer and its schedule.
    start(parts, steps) -> Meta: the meta-parameters before the first meta-step; default: the network's weights. steps:
    of the inner loop in training.
    traits: what the rest of the program has to know.
    memory(parts) -> Memory: what the first task is given; default: nothing is carried from task to task.
    phase(epoch): two epochs of one phase are the same computation, so a program made in one is used in the other.
    Default: all are. Give it if anything depends on `Stage.epoch`; `lambda epoch: epoch` is always right.
    learned(parts, meta) -> Meta: what to draw over training beside the weights: "<hyperparameter>/<parameter>", each []
    or [inner steps]; default: nothing.
    batch_gradient(parts, meta, stage, tasks, of_one) -> Gradient: the batch's, without a task axis. of_one(meta, tasks)
    gives `meta_gradient` of each task, stacked, and may be called several times. Default: the mean over tasks.
    """

    meta_gradient: Callable[[Parts, Meta, Stage, Task], Gradient]
    predict: Callable[[Parts, Meta, Stage, Task, BatchNorm], Tensor]
    update: Callable[[Parts], MetaUpdate]
    start: Callable[[Parts, int], Meta] = _weights
    traits: Traits = Traits()
    memory: Callable[[Parts], Memory] = lambda parts: {}
    phase: Callable[[int], Hashable] = lambda epoch: 0
    learned: Callable[[Parts, Meta], Meta] = lambda parts, meta: {}
    batch_gradient: BatchGradient | None = None


def as_learner(made: object) -> Learner:
    """The Learner itself, or the Learner of an object that has functions of these names, such as methods of a class.

    Raises BenchError if one is missing that has no default.
    """
    if isinstance(made, Learner):
        return made
    lacking = [name for name in Learner._fields if name not in Learner._field_defaults and not hasattr(made, name)]
    if lacking:
        raise BenchError(f"{type(made).__name__} has no {', '.join(lacking)}; learners/base.py says what they are.")
    return Learner(**{name: getattr(made, name) for name in Learner._fields if hasattr(made, name)})


def clipped(rule: MetaUpdate, gradient: Meta, dataset: str) -> Meta:
    """The gradient that the meta-optimizer is given, on this dataset."""
    return rule.clip(gradient) if rule.clip_on is None or dataset in rule.clip_on else gradient


def adam(lr: float, eps: float = 1e-8) -> Optimizer:
    """torch's Adam as a meta-optimizer."""
    return lambda tensors: torch.optim.Adam(tensors, lr=lr, eps=eps)


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


def select(meta: Meta, group: str) -> Params:
    """The tensors of one group, by parameter name."""
    prefix = group + "/"
    return {name.removeprefix(prefix): tensor for name, tensor in meta.items() if name.startswith(prefix)}


def grouped(group: str, tensors: Params) -> Meta:
    """The reverse of `select`."""
    return {f"{group}/{name}": tensor for name, tensor in tensors.items()}


def accuracy(logits: Tensor, labels: Tensor) -> Tensor:
    """The fraction of right answers. logits: [..., n, ways]; labels: [..., n]; result: [...]."""
    return (logits.argmax(-1) == labels).to(logits.dtype).mean(-1)
