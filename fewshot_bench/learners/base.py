"""The contract of a learner: meta-parameters, how it adapts, its meta-gradient for one task, and how that is used."""

from collections.abc import Callable, Hashable
from typing import Literal, NamedTuple, Protocol

import torch
from torch import Tensor

from fewshot_bench.hypergradients.problem import Task
from fewshot_bench.inner_optimizers.base import InnerOptimizer, OuterState, Params
from fewshot_bench.learners.model import Model

Meta = dict[str, Tensor]
"""All meta-parameters, flat: "weights/<parameter>", and "<group>/<name>" for whatever else is meta-learned."""

Memory = dict[str, Tensor]
"""What a learner carries from task to task beside the meta-parameters, flat; empty for nearly all."""

WEIGHTS = "weights"

BatchNorm = Literal["transductive", "inductive"]


class Parts(NamedTuple):
    """What a cell crosses a learner with.

    dataset: its name, for rules that published code ties to one. train_classes: classes that training tasks draw from.
    """

    model: Model
    opt: InnerOptimizer
    dataset: str
    train_classes: int


class Traits(NamedTuple):
    """What others have to know of a learner.

    batch_norm: how queries are normalised, part of the protocol that a number stands for. inner_loop: whether it adapts
    with the inner optimizer; without, a grid has one cell of it for all of them. any_ways: whether it may be trained on
    tasks of other ways than it is tested on.
    """

    batch_norm: BatchNorm = "transductive"
    inner_loop: bool = True
    any_ways: bool = False


class Stage(NamedTuple):
    """What training has come to, the same for all tasks of a meta-step or an evaluation.

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
    """One task's meta-gradient.

    meta: shaped like the meta-parameters. metrics: 0-dimensional tensors, "loss" and "accuracy" at least. memory: what
    the next task is given; where the learner has memory, tasks come one after another.
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


class MetaUpdate(NamedTuple):
    """How the mean gradient over tasks moves the meta-parameters.

    optimizer(tensors): of the meta-parameters, in the order of `Learner.start`. rate(progress): its learning rate at a
    meta-step. clip(gradient): what it is given in place of the mean. bound(meta): what comes back into its range after.
    """

    optimizer: Callable[[list[Tensor]], torch.optim.Optimizer]
    rate: Callable[[Progress], float]
    clip: Callable[[Meta], Meta] = lambda gradient: gradient
    bound: Callable[[Meta], Meta] = lambda meta: meta


class Learner(Protocol):
    """Pure functions of what they are given; options are fields of a frozen dataclass.

    Everything is for ONE task: batches of tasks are made outside, with the gradient inside.
    """

    @property
    def traits(self) -> Traits:
        """What the rest of the program has to know."""
        ...

    def start(self, parts: Parts, steps: int) -> Meta:
        """The meta-parameters before the first meta-step. steps: of the inner loop in training."""
        ...

    def memory(self, parts: Parts) -> Memory:
        """What the first task is given; empty for a learner that carries nothing from task to task."""
        ...

    def meta_gradient(self, parts: Parts, meta: Meta, stage: Stage, task: Task) -> Gradient:
        """This task's gradient."""
        ...

    def phase(self, epoch: int) -> Hashable:
        """Two epochs of one phase are the same computation: what is done with `Stage.epoch` depends on this alone.

        A program made in one epoch is used again in all others of its phase. `return epoch` is always right: a program
        for each epoch.
        """
        ...

    def predict(self, parts: Parts, meta: Meta, stage: Stage, task: Task, batch_norm: BatchNorm) -> Tensor:
        """Logits [queries, ways] after adapting to the support set; the query labels are not looked at."""
        ...

    def update(self, parts: Parts) -> MetaUpdate:
        """The meta-optimizer and its schedule."""
        ...

    def learned(self, parts: Parts, meta: Meta) -> Meta:
        """What to draw over training beside the weights: "<hyperparameter>/<parameter>", each [] or [inner steps]."""
        ...


def lacking(made: object) -> list[str]:
    """What a Learner has and `made` has not, by name."""
    return [name for name in vars(Learner) if not name.startswith("_") and not hasattr(made, name)]


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
