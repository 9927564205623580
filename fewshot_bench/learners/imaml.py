"""iMAML: the meta-gradient from where adaptation ends (Rajeswaran et al. 2019, arXiv:1909.04630)."""

from collections.abc import Hashable
from dataclasses import dataclass
from math import inf, log
from typing import Literal

import torch
from torch import Tensor

from fewshot_bench.backbones.noise import Noise
from fewshot_bench.hypergradients.displacement import displacement
from fewshot_bench.hypergradients.implicit import implicit
from fewshot_bench.hypergradients.problem import Bilevel, Estimator, Task, solve
from fewshot_bench.hypergradients.solvers import Solver, conjugate_gradients, neumann
from fewshot_bench.inner_optimizers.base import Params, check_range
from fewshot_bench.learners.adaptation import as_gradient
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
from fewshot_bench.learners.losses import query_loss, support_loss
from fewshot_bench.learners.model import query_logits
from fewshot_bench.learners.proximal import penalty, regularised
from fewshot_bench.learners.schedules import cosine

LOG_LAM = "log_lam/all"


@dataclass(frozen=True, kw_only=True)
class Imaml:
    """iMAML with any rule inside. Learns the weights that adaptation starts from and holds on to.

    Logged with every meta-step: inner_residual, the norm of the inner gradient where adaptation ended (the theorem
    wants zero), and solver_residual, |A x - b| / |b| of the linear system.
    """

    lam: float = 2.0
    """Strength of the hold on the start (paper, section 4.2 and appendix: 2.0 on Omniglot)."""

    learn_lam: bool = False
    """Learn log lambda with the weights, by the full mixed derivative."""

    objective: Literal["query", "variational"] = "query"
    """What is meta-learned: the query loss, or (1 - beta) support + beta query + lam / 2 |w - start|^2."""

    beta: float = 0.0
    """Share of the query loss in the variational objective; 0: the Moreau envelope, with Reptile's direction."""

    solver: Literal["cg", "neumann"] = "cg"
    """Of the linear system: conjugate gradients (the paper), or a Neumann series (Lorraine et al. 2020)."""

    iterations: int = 5
    """Of the solver (paper: 5 steps of conjugate gradients)."""

    damping: float = 0.0
    """Added to the curvature in conjugate gradients, which negative directions of the Hessian otherwise lead astray."""

    alpha: float = 0.1
    """Step size of the Neumann series; it converges below 2 / (lam + the largest curvature)."""

    meta_lr: float = 0.001
    """Adam's learning rate (aravindr93/imaml_dev, README: --outer_lr 1e-3)."""

    meta_lr_min: float = 0.001
    """Where its cosine ends; equal to `meta_lr`: no annealing (imaml_dev)."""

    meta_eps: float = 1e-8
    """Adam's eps; imaml_dev has 1e-3 (learner_model.py), the paper says nothing."""

    batch_norm: BatchNorm = "transductive"
    """What normalises a query: the other queries (imaml_dev), or the support set and itself alone ("inductive")."""

    def __post_init__(self) -> None:
        """Raises ValueError for an option out of range, or options that exclude each other."""
        check_range("lam", self.lam, 1e-12, inf)
        check_range("beta", self.beta, 0, 1)
        check_range("iterations", self.iterations, 1, inf)
        check_range("damping", self.damping, 0, inf)
        check_range("alpha", self.alpha, 0, inf)
        check_range("meta_lr", self.meta_lr, 0, inf)
        check_range("meta_lr_min", self.meta_lr_min, 0, self.meta_lr)
        check_range("meta_eps", self.meta_eps, 0, inf)
        if self.learn_lam and self.objective == "variational":
            raise ValueError(
                "`learn_lam` is for the query objective: the variational one falls with lambda, down to 0."
            )

    @property
    def traits(self) -> Traits:
        return Traits(self.batch_norm)

    def start(self, parts: Parts, steps: int) -> Meta:
        meta = grouped(WEIGHTS, parts.model.weights)
        if self.learn_lam:
            any_weight = next(iter(parts.model.weights.values()))
            meta[LOG_LAM] = any_weight.new_full((), log(self.lam))
        return meta

    def memory(self, parts: Parts) -> Memory:
        return {}

    def meta_gradient(self, parts: Parts, meta: Meta, stage: Stage, task: Task) -> Gradient:
        found = self._estimator()(self._problem(parts, stage, noisy=True), meta, task)
        return as_gradient(found, task)

    def phase(self, epoch: int) -> Hashable:
        return 0

    def predict(self, parts: Parts, meta: Meta, stage: Stage, task: Task, batch_norm: BatchNorm) -> Tensor:
        w, _ = solve(self._problem(parts, stage, noisy=False), meta, task)
        return query_logits(parts.model.apply, batch_norm, w, task)

    def update(self, parts: Parts) -> MetaUpdate:
        return MetaUpdate(
            optimizer=lambda tensors: torch.optim.Adam(tensors, lr=self.meta_lr, eps=self.meta_eps),
            rate=cosine(self.meta_lr, self.meta_lr_min),
        )

    def learned(self, parts: Parts, meta: Meta) -> Meta:
        return {"lam/all": meta[LOG_LAM].exp()} if self.learn_lam else {}

    def _strength(self, meta: Meta) -> Tensor | float:
        return meta[LOG_LAM].exp() if self.learn_lam else self.lam

    def _estimator(self) -> Estimator:
        if self.objective == "variational" and self.beta == 0:
            # The linear system's right-hand side would be the inner gradient: zero at its minimum.
            return displacement(self.lam)
        return implicit(self._solver())

    def _solver(self) -> Solver:
        if self.solver == "cg":
            return conjugate_gradients(self.iterations, damping=self.damping)
        return neumann(self.iterations, alpha=self.alpha)

    def _problem(self, parts: Parts, stage: Stage, *, noisy: bool) -> Bilevel:
        model = parts.model

        def on_queries(w: Params, meta: Meta, task: Task, t: int) -> tuple[Tensor, Tensor]:
            return query_loss(model, self.batch_norm, w, task, Noise(task.key, 1) if noisy else None)

        def variational(w: Params, meta: Meta, task: Task, t: int) -> tuple[Tensor, Tensor]:
            loss, logits = on_queries(w, meta, task, t)
            own = support_loss(model, w, task, Noise(task.key, 0) if noisy else None)
            held = self.lam * penalty(w, select(meta, WEIGHTS))
            return (1 - self.beta) * own + self.beta * loss + held, logits

        outer = on_queries if self.objective == "query" else variational
        return regularised(parts, stage, self._strength, outer, noisy=noisy)
