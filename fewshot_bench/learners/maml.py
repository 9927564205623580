"""MAML++ as Grefenstette et al. 2019 (arXiv:1910.01727) ran it: MAML with a learned rate for each parameter tensor.

Facts are from the paper's fork, bamos/HowToTrainYourMAMLPytorch at 436da889; lines are those of its
few_shot_learning_system.py. Antoniou et al. 2018 differ: rates for each step, batch-norm statistics for each step.
"""

from dataclasses import dataclass
from math import cos, inf, pi

import torch
import torch.nn.functional as F
from torch import Tensor

from fewshot_bench.hypergradients.problem import Bilevel, Task, last_step_only
from fewshot_bench.hypergradients.unrolled import solve, unrolled
from fewshot_bench.inner_optimizers.base import Hyper, OuterState, Params, check_range
from fewshot_bench.learners.base import WEIGHTS, BatchNorm, Meta, Parts, accuracy, grouped, select
from fewshot_bench.learners.model import query_logits


@dataclass(frozen=True, kw_only=True)
class Maml:
    """MAML (Finn et al. 2017) with the options of MAML++; the defaults are the paper's variant."""

    second_order: bool = True
    """Differentiate through the inner gradients; always so in the fork (its use_second_order argument is unused)."""

    learn_hyperparameters: bool = True
    """Learn the inner optimizer's rates and betas, one value a parameter tensor for all steps (lines 94-107)."""

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
        """Raises ValueError for an option out of range."""
        check_range("meta_lr", self.meta_lr, 0, inf)
        check_range("meta_lr_min", self.meta_lr_min, 0, self.meta_lr)
        check_range("msl_floor", self.msl_floor, 0, 1)
        check_range("msl_epochs", self.msl_epochs, 0, inf)
        check_range("clamp_gradient", self.clamp_gradient, 0, inf)

    def start(self, parts: Parts) -> Meta:
        meta = grouped(WEIGHTS, parts.model.weights)
        if self.learn_hyperparameters:
            for name, tensors in parts.opt.hyperparameters(parts.model.weights).items():
                meta |= grouped(name, tensors)
        return meta

    def meta_gradient(
        self, parts: Parts, meta: Meta, outer: OuterState, task: Task, *, steps: int, epoch: int
    ) -> tuple[Meta, dict[str, Tensor]]:
        problem = self._problem(parts, outer, steps, self.step_weights(steps, epoch))
        value, gradient, logits = unrolled(first_order=not self.second_order)(problem, meta, task)
        return gradient, {"loss": value, "accuracy": accuracy(logits, task.query.y)}

    def predict(self, parts: Parts, meta: Meta, outer: OuterState, task: Task, *, steps: int) -> Tensor:
        problem = self._problem(parts, outer, steps, last_step_only(steps))
        return query_logits(parts.model.apply, self.batch_norm, solve(problem, meta, task), task)

    def clip(self, parts: Parts, gradient: Meta) -> Meta:
        if parts.dataset not in self.clamp_datasets:
            return gradient
        weights = {
            name: g.clamp(-self.clamp_gradient, self.clamp_gradient) for name, g in select(gradient, WEIGHTS).items()
        }
        return gradient | grouped(WEIGHTS, weights)

    def bound(self, parts: Parts, meta: Meta) -> Meta:
        bounded = dict(meta)
        for name, (low, high) in parts.opt.bounds.items():
            bounded |= grouped(name, {key: value.clamp(low, high) for key, value in select(meta, name).items()})
        return bounded

    def meta_optimizer(self, tensors: list[Tensor]) -> torch.optim.Optimizer:
        return torch.optim.Adam(tensors, lr=self.meta_lr)

    def meta_rate(self, epoch: int, epochs: float) -> float:
        return cosine(self.meta_lr, self.meta_lr_min, epoch, epochs)

    def step_weights(self, steps: int, epoch: int) -> tuple[float, ...]:
        """The multi-step loss: weights start equal and move to the last step over `msl_epochs` (lines 131-165)."""
        if epoch >= self.msl_epochs or steps == 0:
            return last_step_only(steps)
        share = 1 / steps
        moved = min(epoch * share / self.msl_epochs, share * (1 - self.msl_floor))
        return (*(share - moved for _ in range(steps - 1)), share + (steps - 1) * moved)

    def _problem(self, parts: Parts, outer: OuterState, steps: int, step_weights: tuple[float, ...]) -> Bilevel:
        apply, fixed = parts.model.apply, parts.opt.hyperparameters(parts.model.weights)

        def query_loss(w: Params, task: Task) -> tuple[Tensor, Tensor]:
            logits = query_logits(apply, self.batch_norm, w, task)
            return F.cross_entropy(logits, task.query.y), logits

        def hyper(meta: Meta, t: int) -> Hyper:
            return {name: select(meta, name) for name in fixed} if self.learn_hyperparameters else fixed

        return Bilevel(
            inner=lambda w, meta, task, t: F.cross_entropy(apply(w, task.support.x), task.support.y),
            outer=lambda w, meta, task: query_loss(w, task),
            init=lambda meta, task: select(meta, WEIGHTS),
            opt=parts.opt,
            hyper=hyper,
            steps=steps,
            step_weights=step_weights,
            outer_state=outer,
        )


def cosine(start: float, end: float, epoch: int, epochs: float) -> float:
    """Cosine annealing as torch's CosineAnnealingLR with T_max = `epochs`, stepped once an epoch."""
    return end + (start - end) * (1 + cos(pi * min(epoch / epochs, 1.0))) / 2
