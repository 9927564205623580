"""What iMAML's public code computes, aravindr93/imaml_dev at 29d3fcf, which is not what its paper says.

Inside: plain gradient descent on the support loss, then one step on lam/2 |w - start|^2 alone (the paper: both in every
step). The linear system: (1 + cg_damping) x + H x / (lam + 10) = b, with H the Hessian of the support loss, since the
command's cg_damping lands in `regu_coef` and `lam_damping` stays at its default 10 (learner_model.py, matrix_evaluator;
the paper: x + H x / lam = b). At test: gradient descent with neither (measure_accuracy.py, --lam 0).
"""

from collections.abc import Hashable
from dataclasses import dataclass
from math import inf

import torch
from torch import Tensor
from torch.func import grad, grad_and_value, vjp

from fewshot_bench.backbones.noise import Noise
from fewshot_bench.hypergradients.problem import Bilevel, Task, solve
from fewshot_bench.hypergradients.solvers import conjugate_gradients
from fewshot_bench.hypergradients.vectors import norm, plus
from fewshot_bench.inner_optimizers.base import Params, check_range
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
from fewshot_bench.learners.losses import query_loss, support_loss
from fewshot_bench.learners.model import query_logits
from fewshot_bench.learners.proximal import penalty
from fewshot_bench.learners.schedules import constant


@dataclass(frozen=True, kw_only=True)
class ImamlReleased:
    """The released iMAML. Its residuals are logged against the paper's equations, so that the distance is a number."""

    lam: float = 2.0
    """Strength of the one step back towards the start (README: --lam 2.0)."""

    cg_damping: float = 1.0
    """README: --cg_damping 1.0; what it does is make the identity in the system 1 + cg_damping times itself."""

    lam_damping: float = 10.0
    """Added to lam where the Hessian is divided by it (a default that nothing sets)."""

    iterations: int = 5
    """Of conjugate gradients (README: --cg_steps 5)."""

    meta_lr: float = 0.001
    """Adam's learning rate (README: --outer_lr 1e-3)."""

    meta_eps: float = 1e-3
    """Adam's eps (learner_model.py)."""

    batch_norm: BatchNorm = "transductive"
    """What normalises a query: the other queries (released), or the support set and itself alone ("inductive")."""

    def __post_init__(self) -> None:
        """Raises ValueError for an option out of range."""
        check_range("lam", self.lam, 1e-12, inf)
        check_range("cg_damping", self.cg_damping, 0, inf)
        check_range("lam_damping", self.lam_damping, 0, inf)
        check_range("iterations", self.iterations, 1, inf)
        check_range("meta_lr", self.meta_lr, 0, inf)
        check_range("meta_eps", self.meta_eps, 0, inf)

    @property
    def traits(self) -> Traits:
        return Traits(self.batch_norm)

    def start(self, parts: Parts, steps: int) -> Meta:
        return grouped(WEIGHTS, parts.model.weights)

    def memory(self, parts: Parts) -> Memory:
        return {}

    def meta_gradient(self, parts: Parts, meta: Meta, stage: Stage, task: Task) -> Gradient:
        meta = {name: tensor.detach() for name, tensor in meta.items()}
        centre = select(meta, WEIGHTS)
        w, _ = solve(self._descent(parts, stage, pull_back=True, noisy=True), meta, task)

        def on_support(w: Params) -> Tensor:
            return support_loss(parts.model, w, task, Noise(task.key, 0))

        def on_queries(w: Params) -> tuple[Tensor, Tensor]:
            return query_loss(parts.model, self.batch_norm, w, task, Noise(task.key, 1))

        b, (value, logits) = grad_and_value(on_queries, has_aux=True)(w)
        gradient, products = vjp(grad(on_support), w)[:2]

        def hessian_times(v: Params) -> Params:
            return products(v)[0]

        def released(v: Params) -> Params:
            own = {name: (1 + self.cg_damping) * part for name, part in v.items()}
            return plus(own, hessian_times(v), 1 / (self.lam + self.lam_damping))

        x = conjugate_gradients(self.iterations)(released, b)
        metrics = {
            "loss": value,
            "accuracy": accuracy(logits, task.query.y),
            "inner_residual": norm(plus(gradient, plus(w, centre, -1), self.lam)),
            "solver_residual": norm(plus(plus(x, hessian_times(x), 1 / self.lam), b, -1)) / norm(b),
        }
        return Gradient(grouped(WEIGHTS, x), metrics, {})

    def phase(self, epoch: int) -> Hashable:
        return 0

    def predict(self, parts: Parts, meta: Meta, stage: Stage, task: Task, batch_norm: BatchNorm) -> Tensor:
        w, _ = solve(self._descent(parts, stage, pull_back=False, noisy=False), meta, task)
        return query_logits(parts.model.apply, batch_norm, w, task)

    def update(self, parts: Parts) -> MetaUpdate:
        return MetaUpdate(
            optimizer=lambda tensors: torch.optim.Adam(tensors, lr=self.meta_lr, eps=self.meta_eps),
            rate=constant(self.meta_lr),
        )

    def learned(self, parts: Parts, meta: Meta) -> Meta:
        return {}

    def _descent(self, parts: Parts, stage: Stage, *, pull_back: bool, noisy: bool) -> Bilevel:
        """Steps on the support loss; with pull_back one more, on the penalty alone."""

        def inner(w: Params, meta: Meta, task: Task, t: int) -> Tensor:
            if t == stage.steps:
                return self.lam * penalty(w, select(meta, WEIGHTS))
            return support_loss(parts.model, w, task, Noise(task.key, 0) if noisy else None)

        def outer(w: Params, meta: Meta, task: Task, t: int) -> tuple[Tensor, Tensor]:
            return query_loss(parts.model, self.batch_norm, w, task)

        return adaptation(parts, stage._replace(steps=stage.steps + pull_back), inner, outer)
