"""The contract of a learner: its meta-parameters, how it adapts, and its meta-gradient for one task."""

from typing import Literal, NamedTuple, Protocol

import torch
from torch import Tensor

from fewshot_bench.hypergradients.problem import Task
from fewshot_bench.inner_optimizers.base import InnerOptimizer, OuterState, Params
from fewshot_bench.learners.model import Model

Meta = dict[str, Tensor]
"""All meta-parameters, flat: "weights/<parameter>", and one "<hyperparameter>/<parameter>" for each that is learned."""

WEIGHTS = "weights"

BatchNorm = Literal["transductive", "inductive"]


class Parts(NamedTuple):
    """What a cell crosses a learner with. dataset: its name, for rules that published code ties to one."""

    model: Model
    opt: InnerOptimizer
    dataset: str


class Learner(Protocol):
    """Pure functions of what they are given; options are fields of a frozen dataclass.

    Everything is for ONE task: batches of tasks are made outside, with the gradient inside.
    """

    @property
    def batch_norm(self) -> BatchNorm:
        """How queries are normalised: part of the protocol that a number stands for."""
        ...

    def start(self, parts: Parts) -> Meta:
        """The meta-parameters before the first meta-step."""
        ...

    def meta_gradient(
        self, parts: Parts, meta: Meta, outer: OuterState, task: Task, *, steps: int, epoch: int
    ) -> tuple[Meta, dict[str, Tensor]]:
        """This task's gradient, by meta-parameter, and metrics: 0-dimensional "loss" and "accuracy" at least."""
        ...

    def predict(self, parts: Parts, meta: Meta, outer: OuterState, task: Task, *, steps: int) -> Tensor:
        """Logits [queries, ways] after adapting to the support set; the query labels are not looked at."""
        ...

    def clip(self, parts: Parts, gradient: Meta) -> Meta:
        """What the meta-optimizer is given in place of the mean gradient over tasks."""
        ...

    def bound(self, parts: Parts, meta: Meta) -> Meta:
        """The meta-parameters brought back into their ranges after a meta-step."""
        ...

    def meta_optimizer(self, tensors: list[Tensor]) -> torch.optim.Optimizer:
        """The optimizer of the meta-parameters, in the order of `start`."""
        ...

    def meta_rate(self, epoch: int, epochs: float) -> float:
        """The meta-learning rate of epoch `epoch` of `epochs`."""
        ...


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
