"""MAML and its family: learn the weights that inner-optimizer steps start from, and the optimizer's rates with them.

The defaults are MAML++ as Grefenstette et al. 2019 (arXiv:1910.01727) ran it. Facts are from the paper's fork,
bamos/HowToTrainYourMAMLPytorch at 436da889; lines are those of its few_shot_learning_system.py.
"""

from collections.abc import Hashable
from dataclasses import dataclass
from math import inf
from typing import Literal

import torch
from torch import Tensor

from fewshot_bench.backbones.noise import Noise
from fewshot_bench.basics.errors import BenchError
from fewshot_bench.hypergradients.problem import Bilevel, Estimator, Task, last_step_only, solve
from fewshot_bench.hypergradients.recomputed import recomputed
from fewshot_bench.hypergradients.unrolled import unrolled
from fewshot_bench.inner_optimizers.base import Hyper, Params, check_range
from fewshot_bench.learners.adaptation import adaptation, as_gradient
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
    grouped,
    select,
)
from fewshot_bench.learners.hyperparameters import Constraint, Grain, bounded, shown, starting, values_at
from fewshot_bench.learners.losses import query_loss, support_loss
from fewshot_bench.learners.model import Model, query_logits
from fewshot_bench.learners.schedules import cosine
from fewshot_bench.learners.step_weights import multi_step

NORMS = "norms"
"""The group of gains and shifts that each inner step has its own of: [steps, ...]."""


@dataclass(frozen=True, kw_only=True)
class Maml:
    """MAML (Finn et al. 2017) with the options of its descendants; the defaults are the paper's MAML++."""

    adapt: Literal["all", "head", "body"] = "all"
    """What the inner loop moves: all, the last layer (ANIL, Raghu et al. 2020), all but it (BOIL, Oh et al. 2021)."""

    adapt_norms: bool = True
    """Whether gains and shifts of normalisation adapt too; they do in the fork (lines 94-96), not in MAML++."""

    norms: Literal["shared", "per-step"] = "shared"
    """Gains and shifts: the same at all inner steps (the fork), or learned for each (MAML++); then none adapts."""

    second_order: bool = True
    """Differentiate through the inner gradients; always so in the fork (its use_second_order argument is unused)."""

    second_order_from: int = 0
    """Epoch before which the gradient is of first order (derivative-order annealing, MAML++; off in all its JSONs)."""

    truncate: int | None = None
    """Differentiate through so many of the last inner steps only; absent: through all."""

    learn_hyperparameters: bool = True
    """Learn the inner optimizer's rates and betas (lines 94-107)."""

    grain: Grain = "tensor"
    """One learned value a parameter tensor (the fork), a tensor and step (MAML++), or a weight (Meta-SGD)."""

    constraint: Constraint = "clamp"
    """What keeps learned hyperparameters in range: a clamp after each meta-step (lines 324-330), or a bijector."""

    msl_epochs: int = 10
    """Epochs in which the query loss after every inner step counts (multi-step loss); 0: the last step's alone."""

    msl_floor: float = 0.03
    """Weight that a step before the last never falls below, times 1 / steps (lines 131-165)."""

    meta_lr: float = 0.001
    """Adam's learning rate for weights, rates and betas alike (config.yaml)."""

    meta_lr_min: float = 1e-5
    """Where the cosine ends; equal to `meta_lr`: no annealing (config.yaml)."""

    batch_norm: BatchNorm = "transductive"
    """What normalises a query: the other queries (the paper), or the support set and itself alone ("inductive")."""

    clamp_gradient: float = 10.0
    """Each element of the weights' meta-gradient is clamped to +- this, on `clamp_datasets` alone (lines 317-320)."""

    clamp_datasets: tuple[str, ...] = ("mini-imagenet",)
    """Datasets whose meta-gradient is clamped; in the fork, those with "imagenet" in their name."""

    def __post_init__(self) -> None:
        """Raises ValueError for an option out of range, or options that exclude each other."""
        check_range("meta_lr", self.meta_lr, 0, inf)
        check_range("meta_lr_min", self.meta_lr_min, 0, self.meta_lr)
        check_range("msl_floor", self.msl_floor, 0, 1)
        check_range("msl_epochs", self.msl_epochs, 0, inf)
        check_range("clamp_gradient", self.clamp_gradient, 0, inf)
        check_range("second_order_from", self.second_order_from, 0, inf)
        if self.truncate is not None:
            check_range("truncate", self.truncate, 1, inf)
        if self.norms == "per-step" and self.adapt_norms:
            raise ValueError('`norms` = "per-step" is for norms that do not adapt: set `adapt_norms` = false.')

    @property
    def traits(self) -> Traits:
        return Traits(self.batch_norm)

    def start(self, parts: Parts, steps: int) -> Meta:
        weights = dict(parts.model.weights)
        meta: Meta = {}
        if self.norms == "per-step":
            own = {name: weights.pop(name) for name in parts.model.norms}
            meta = grouped(NORMS, {name: torch.stack([value] * max(steps, 1)) for name, value in own.items()})
        meta = grouped(WEIGHTS, weights) | meta
        if self.learn_hyperparameters:
            moved = {name: weights[name] for name in self._adapted(parts.model)}
            meta |= starting(parts.opt, moved, steps, self.grain, self.constraint)
        return meta

    def memory(self, parts: Parts) -> Memory:
        return {}

    def meta_gradient(self, parts: Parts, meta: Meta, stage: Stage, task: Task) -> Gradient:
        weights = multi_step(stage.steps, stage.epoch, self.msl_epochs, self.msl_floor)
        found = self._estimator(stage)(self._problem(parts, stage, weights, noisy=True), meta, task)
        return as_gradient(found, task)

    def phase(self, epoch: int) -> Hashable:
        return min(epoch, self.msl_epochs), self._first_order(epoch)

    def predict(self, parts: Parts, meta: Meta, stage: Stage, task: Task, batch_norm: BatchNorm) -> Tensor:
        problem = self._problem(parts, stage, last_step_only(stage.steps), noisy=False)
        w = self._whole(parts.model, solve(problem, meta, task)[0], meta, max(stage.steps - 1, 0))
        return query_logits(parts.model.apply, batch_norm, w, task)

    def update(self, parts: Parts) -> MetaUpdate:
        def clip(gradient: Meta) -> Meta:
            limit, network = self.clamp_gradient, (WEIGHTS, NORMS)  # not its rates
            return gradient | {key: g.clamp(-limit, limit) for key, g in gradient.items() if key.startswith(network)}

        return MetaUpdate(
            optimizer=lambda tensors: torch.optim.Adam(tensors, lr=self.meta_lr),
            rate=cosine(self.meta_lr, self.meta_lr_min),
            clip=clip if parts.dataset in self.clamp_datasets else lambda gradient: gradient,
            bound=lambda meta: bounded(meta, parts.opt.bounds, self.constraint),
        )

    def learned(self, parts: Parts, meta: Meta) -> Meta:
        return shown(meta, parts.opt.bounds, self.grain, self.constraint)

    def _estimator(self, stage: Stage) -> Estimator:
        first_order = self._first_order(stage.epoch)
        if stage.recompute and not first_order and self.truncate is None:
            return recomputed()  # Algorithm 1 of the paper
        return unrolled(first_order=first_order, last=self.truncate)

    def _first_order(self, epoch: int) -> bool:
        return not self.second_order or epoch < self.second_order_from

    def _adapted(self, model: Model) -> tuple[str, ...]:
        """Names of the parameters that the inner loop moves."""
        if self.adapt != "all" and not model.head:
            raise BenchError(
                f'`adapt` = "{self.adapt}" needs a network whose last layer is an nn.Linear with one output a class.'
            )
        fixed = set() if self.adapt_norms else set(model.norms)
        if self.adapt != "all":
            fixed |= {name for name in model.weights if (name in model.head) != (self.adapt == "head")}
        return tuple(name for name in model.weights if name not in fixed)

    def _whole(self, model: Model, w: Params, meta: Meta, t: int) -> Params:
        """All weights of the network at inner step t: what is fixed, this step's norms, and what adapts."""
        norms = {name: values[min(t, len(values) - 1)] for name, values in select(meta, NORMS).items()}
        return select(meta, WEIGHTS) | norms | w

    def _problem(self, parts: Parts, stage: Stage, step_weights: tuple[float, ...], *, noisy: bool) -> Bilevel:
        model, adapted = parts.model, self._adapted(parts.model)
        fixed = parts.opt.hyperparameters({name: model.weights[name] for name in adapted})

        def inner(w: Params, meta: Meta, task: Task, t: int) -> Tensor:
            noise = Noise(task.key, 2 * t) if noisy else None
            return support_loss(model, self._whole(model, w, meta, t), task, noise)

        def outer(w: Params, meta: Meta, task: Task, t: int) -> tuple[Tensor, Tensor]:
            noise = Noise(task.key, 2 * t + 1) if noisy else None
            return query_loss(model, self.batch_norm, self._whole(model, w, meta, t), task, noise)

        def hyper(meta: Meta, t: int) -> Hyper:
            if not self.learn_hyperparameters:
                return fixed
            return values_at(meta, t, parts.opt.bounds, self.grain, self.constraint)

        def init(meta: Meta, task: Task) -> Params:
            weights = select(meta, WEIGHTS)
            return {name: weights[name] for name in adapted}

        return adaptation(parts, stage, inner, outer)._replace(init=init, hyper=hyper, step_weights=step_weights)
