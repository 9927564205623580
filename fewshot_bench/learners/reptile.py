"""Reptile: move the start towards where adaptation ended (Nichol, Achiam & Schulman 2018, arXiv:1803.02999).

Facts of the code are from openai/supervised-reptile (supervised_reptile/reptile.py, args.py).
"""

from collections.abc import Hashable
from dataclasses import dataclass
from math import inf

import torch
import torch.nn.functional as F
from torch import Tensor

from fewshot_bench.backbones.noise import Noise
from fewshot_bench.hypergradients.problem import Bilevel, Task, solve
from fewshot_bench.inner_optimizers.base import Params, State, check_range
from fewshot_bench.learners.adaptation import adaptation
from fewshot_bench.learners.base import (
    WEIGHTS,
    BatchNorm,
    Gradient,
    Memory,
    Meta,
    MetaUpdate,
    Parts,
    Stage,
    Traits,
    accuracy,
    grouped,
    select,
)
from fewshot_bench.learners.losses import query_loss
from fewshot_bench.learners.minibatches import minibatch
from fewshot_bench.learners.model import query_logits
from fewshot_bench.learners.schedules import linear


@dataclass(frozen=True, kw_only=True)
class Reptile:
    """Reptile. Its meta-gradient is w_0 - w_T, which plain gradient descent at rate `meta_step` follows."""

    inner_batch: int = 10
    """Support images of an inner step in training (--inner-batch 10 on Omniglot 5-way); 0: all of them."""

    eval_batch: int = 5
    """Support images of an inner step in validation and test (--eval-batch 5); 0: all of them."""

    meta_step: float = 1.0
    """How far the start moves towards the mean of the ends at first (--meta-step 1)."""

    meta_step_final: float = 0.0
    """Where the linear schedule leads (--meta-step-final 0)."""

    carry_state: bool = False
    """The inner optimizer's moments and counts go on from task to task, as in the code, which restores weights alone.

    Tasks of a batch then come one after another, not side by side.
    """

    batch_norm: BatchNorm = "transductive"
    """What normalises a query: the others (--transductive), or the support set and itself alone ("inductive")."""

    def __post_init__(self) -> None:
        """Raises ValueError for an option out of range."""
        check_range("inner_batch", self.inner_batch, 0, inf)
        check_range("eval_batch", self.eval_batch, 0, inf)
        check_range("meta_step", self.meta_step, 0, inf)
        check_range("meta_step_final", self.meta_step_final, 0, inf)

    @property
    def traits(self) -> Traits:
        return Traits(self.batch_norm)

    def start(self, parts: Parts, steps: int) -> Meta:
        return grouped(WEIGHTS, parts.model.weights)

    def memory(self, parts: Parts) -> Memory:
        return _flat(parts.opt.init(parts.model.weights, None)) if self.carry_state else {}

    def meta_gradient(self, parts: Parts, meta: Meta, stage: Stage, task: Task) -> Gradient:
        start = select(meta, WEIGHTS)
        end, state = solve(self._problem(parts, stage, self.inner_batch, noisy=True), meta, task)
        loss, logits = query_loss(parts.model, self.batch_norm, end, task)  # for the learning curve alone
        return Gradient(
            grouped(WEIGHTS, {name: start[name] - end[name] for name in start}),
            {"loss": loss, "accuracy": accuracy(logits, task.query.y)},
            _flat(state) if self.carry_state else {},
        )

    def phase(self, epoch: int) -> Hashable:
        return 0

    def predict(self, parts: Parts, meta: Meta, stage: Stage, task: Task, batch_norm: BatchNorm) -> Tensor:
        w, _ = solve(self._problem(parts, stage, self.eval_batch, noisy=False), meta, task)
        return query_logits(parts.model.apply, batch_norm, w, task)

    def update(self, parts: Parts) -> MetaUpdate:
        return MetaUpdate(
            optimizer=lambda tensors: torch.optim.SGD(tensors, lr=self.meta_step),
            rate=linear(self.meta_step, self.meta_step_final),
        )

    def learned(self, parts: Parts, meta: Meta) -> Meta:
        return {}

    def _problem(self, parts: Parts, stage: Stage, batch: int, *, noisy: bool) -> Bilevel:
        def inner(w: Params, meta: Meta, task: Task, t: int) -> Tensor:
            x, y = minibatch(task.support, task.key, batch, t)
            return F.cross_entropy(parts.model.apply(w, x, Noise(task.key, t) if noisy else None), y)

        def outer(w: Params, meta: Meta, task: Task, t: int) -> tuple[Tensor, Tensor]:
            return query_loss(parts.model, self.batch_norm, w, task)

        problem = adaptation(parts, stage, inner, outer)
        return problem._replace(state=lambda w: _nested(stage.memory)) if stage.memory else problem


def _flat(state: State) -> Memory:
    return {f"{slot}/{name}": tensor for slot, tensors in state.items() for name, tensor in tensors.items()}


def _nested(memory: Memory) -> State:
    slots = dict.fromkeys(key.split("/", 1)[0] for key in memory)
    return {slot: select(memory, slot) for slot in slots}
