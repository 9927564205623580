"""The contract of a learner: a tuple of functions, with the types of their arguments and results."""

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
from fewshot_bench.learners.objective import CLASSIFICATION, Objective

Meta = dict[str, Tensor]
"""All meta-parameters in one flat dict: "weights/<parameter>", and "<group>/<name>" for other meta-parameters."""

Memory = dict[str, Tensor]
"""Tensors that a learner carries from task to task, in one flat dict; empty for most learners."""

WEIGHTS = "weights"


class Parts(NamedTuple):
    """The other parts of a cell: network and inner optimizer.

    train_classes: number of classes of the training part. objective: of the dataset, which gives loss and score.
    """

    model: Model
    opt: InnerOptimizer
    train_classes: int
    objective: Objective = CLASSIFICATION


class Stage(NamedTuple):
    """The stage of training, equal for all tasks of a meta-step or an evaluation.

    outer: the meta-optimizer's statistics. memory: of the learner. steps: of the inner loop. epoch: from 0.
    recompute: whether the backward pass recomputes inner steps instead of keeping them (hypergradients/recomputed.py).
    A learner that cannot do this ignores it.
    """

    outer: OuterState
    memory: Memory
    steps: int
    epoch: int
    recompute: bool = False


class Gradient(NamedTuple):
    """The meta-gradient of one task, of several tasks (stacked on a leading axis), or of a batch.

    meta: shaped like the meta-parameters. metrics: 0-dimensional tensors, at least "loss" and "accuracy", which is the
    score of `Parts.objective`. memory: for the next task. Tasks of a learner with memory are computed one after
    another.
    """

    meta: Meta
    metrics: dict[str, Tensor]
    memory: Memory


class Progress(NamedTuple):
    """The progress of training: meta-steps done, meta-steps in all, and meta-steps in an epoch."""

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
    """The update of the meta-parameters by the meta-gradient of a batch.

    optimizer(tensors): makes the meta-optimizer. rate(progress): the meta-learning rate. clip(gradient): transforms the
    gradient before the step. clip_on: datasets on which it is transformed; None: all. bound(meta): projects the
    meta-parameters into their ranges after the step.
    """

    optimizer: Optimizer
    rate: Rate
    clip: Callable[[Meta], Meta] = lambda gradient: gradient
    bound: Callable[[Meta], Meta] = lambda meta: meta
    clip_on: tuple[str, ...] | None = None


OfTasks = Callable[[Meta, Task], Gradient]
"""(meta, tasks) -> the `meta_gradient` of each task at these meta-parameters, stacked on a leading axis."""

BatchGradient = Callable[[Parts, Meta, Stage, Task, OfTasks], Gradient]


def _weights(parts: Parts, steps: int) -> Meta:
    return grouped(WEIGHTS, parts.model.weights)


class Learner(NamedTuple):
    """A learner: a tuple of pure functions. All but `batch_gradient` compute ONE task and run under `vmap`.

    meta_gradient(parts, meta, stage, task) -> Gradient: the meta-gradient of a task.
    predict(parts, meta, stage, task, batch_norm) -> logits [queries, ways] after adaptation to the support set, without
    dropout. It must not use the query labels.
    update(parts) -> MetaUpdate: the meta-optimizer and its schedule.
    start(parts, steps) -> Meta: the meta-parameters before the first meta-step. Default: the network's weights. steps:
    of the inner loop in training.
    traits: properties of the learner that the rest of the program needs.
    memory(parts) -> Memory: the memory for the first task. Default: no memory.
    phase(epoch): a value that is equal for two epochs if both run the same computation and can share a program.
    Default: all epochs are equal. Define it if anything depends on `Stage.epoch`; `lambda epoch: epoch` is always
    right. learned(parts, meta) -> Meta: learned hyperparameters to record over training:
    "<hyperparameter>/<parameter>", each [] or [inner steps]. Default: none. batch_gradient(parts, meta, stage, tasks,
    of_one) -> Gradient: the gradient of a batch, without a task axis. of_one(meta, tasks) returns the `meta_gradient`
    of each task, stacked, and may be called several times. Default: the mean over tasks.
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


def as_learner(value: object) -> Learner:
    """A Learner from an object with functions of these names, such as methods of a class; a Learner is returned itself.

    Raises BenchError if a function without default is missing.
    """
    if isinstance(value, Learner):
        return value
    lacking = [name for name in Learner._fields if name not in Learner._field_defaults and not hasattr(value, name)]
    if lacking:
        raise BenchError(f"{type(value).__name__} has no {', '.join(lacking)}; learners/base.py says what they are.")
    return Learner(**{name: getattr(value, name) for name in Learner._fields if hasattr(value, name)})


def clipped(rule: MetaUpdate, gradient: Meta, dataset: str) -> Meta:
    """The gradient for the meta-optimizer on this dataset: clipped, or not."""
    return rule.clip(gradient) if rule.clip_on is None or dataset in rule.clip_on else gradient


def adam(lr: float, eps: float = 1e-8) -> Optimizer:
    """torch's Adam as a meta-optimizer."""
    return lambda tensors: torch.optim.Adam(tensors, lr=lr, eps=eps)


def constant(rate: float) -> Rate:
    """A constant rate."""
    return lambda progress: rate


def cosine(start: float, end: float) -> Rate:
    """Cosine annealing as torch's CosineAnnealingLR with T_max = all epochs, stepped once an epoch (MAML++)."""
    return lambda at: end + (start - end) * (1 + cos(pi * min(at.epoch / at.epochs, 1.0))) / 2


def linear(start: float, end: float) -> Rate:
    """A linear schedule from `start` to `end` after the last meta-step (Reptile's --meta-step, --meta-step-final)."""
    return lambda at: start + (end - start) * at.iteration / at.iterations


def halving(start: float, every: int) -> Rate:
    """A rate that is halved after every `every` meta-steps, as torch's StepLR with gamma 0.5; 0: a constant rate."""
    return lambda at: start * 0.5 ** (at.iteration // every if every else 0)


def select(meta: Meta, group: str) -> Params:
    """The tensors of one group, by parameter name."""
    prefix = group + "/"
    return {name.removeprefix(prefix): tensor for name, tensor in meta.items() if name.startswith(prefix)}


def grouped(group: str, tensors: Params) -> Meta:
    """Tensors by parameter name as meta-parameters of one group; the reverse of `select`."""
    return {f"{group}/{name}": tensor for name, tensor in tensors.items()}


def accuracy(logits: Tensor, labels: Tensor) -> Tensor:
    """The fraction of right predictions. logits: [..., n, ways]; labels: [..., n]; result: [...]."""
    return (logits.argmax(-1) == labels).to(logits.dtype).mean(-1)
