"""Functions that learners share which adapt weights: losses, the bilevel problem, and predictions after adaptation."""

from collections.abc import Callable

import torch
from torch import Tensor

from fewshot_bench.backbones.noise import Noise
from fewshot_bench.hypergradients.problem import Bilevel, Estimate, Task, last_step_only, solve
from fewshot_bench.inner_optimizers.base import Params
from fewshot_bench.learners.base import WEIGHTS, BatchNorm, Gradient, Meta, Parts, Stage, select
from fewshot_bench.learners.model import query_logits
from fewshot_bench.learners.streams import noise

Inner = Callable[[Params, Meta, Task, int], Tensor]
"""(w, meta, task, t) -> the loss of inner step t."""

Outer = Callable[[Params, Meta, Task, int], tuple[Tensor, Tensor]]
"""(w, meta, task, t) -> the outer loss after inner step t, and the queries' logits."""

Predict = Callable[[Parts, Meta, Stage, Task, BatchNorm], Tensor]


def support_loss(parts: Parts, w: Params, task: Task, noise: Noise | None = None) -> Tensor:
    """The dataset's loss (cross-entropy, in nats) of the support images. noise: for dropout; None: without dropout."""
    return parts.objective.loss(parts.model.apply(w, task.support.x, noise), task.support.y)


def query_loss(
    parts: Parts, batch_norm: BatchNorm, w: Params, task: Task, noise: Noise | None = None
) -> tuple[Tensor, Tensor]:
    """The dataset's loss (cross-entropy, in nats) of the query images, and their logits [queries, ways]."""
    logits = query_logits(parts.model.apply, batch_norm, w, task, noise)
    return parts.objective.loss(logits, task.query.y), logits


def penalty(w: Params, centre: Params) -> Tensor:
    """1/2 |w - centre|^2 over all weights."""
    return 0.5 * torch.stack([((w[name] - centre[name]) ** 2).sum() for name in w]).sum()


def adaptation(parts: Parts, stage: Stage, inner: Inner, outer: Outer) -> Bilevel:
    """The bilevel problem in which all weights adapt at the inner optimizer's own rates; the last outer loss counts.

    The inner optimizer may start from the meta-optimizer's statistics. A learner changes single fields by `_replace`.

    Args:
        parts: Network and inner optimizer.
        stage: The stage of training, which has the number of inner steps.
        inner: The inner loss.
        outer: The outer loss.
    """
    fixed = parts.opt.hyperparameters(parts.model.weights)
    return Bilevel(
        inner=inner,
        outer=outer,
        init=lambda meta, task: select(meta, WEIGHTS),
        opt=parts.opt,
        hyper=lambda meta, t: fixed,
        steps=stage.steps,
        step_weights=last_step_only(stage.steps),
        state=lambda w: parts.opt.init(w, stage.outer),
    )


def regularised(
    parts: Parts, stage: Stage, strength: Callable[[Meta], Tensor | float], outer: Outer, *, noisy: bool
) -> Bilevel:
    """inner(w) = support loss + strength / 2 |w - weights|^2, from w_0 = weights (Rajeswaran et al. 2019, equation 3).

    strength(meta): lambda; if it depends on `meta`, it gets a gradient. noisy: whether dropout is on. All inner steps
    have the same masks, so that the inner loss has a minimum.
    """

    def inner(w: Params, meta: Meta, task: Task, t: int) -> Tensor:
        loss = support_loss(parts, w, task, noise(task, "support") if noisy else None)
        return loss + strength(meta) * penalty(w, select(meta, WEIGHTS))

    return adaptation(parts, stage, inner, outer)


def after_adaptation(problem: Callable[[Parts, Stage], Bilevel]) -> Predict:
    """The `Learner.predict` of a learner whose problem adapts all weights. problem: without dropout."""

    def predict(parts: Parts, meta: Meta, stage: Stage, task: Task, batch_norm: BatchNorm) -> Tensor:
        w, _ = solve(problem(parts, stage), meta, task)
        return query_logits(parts.model.apply, batch_norm, w, task)

    return predict


def as_gradient(parts: Parts, estimate: Estimate, task: Task) -> Gradient:
    """An estimate as the meta-gradient of one task, without memory. Its aux must be the queries' logits."""
    metrics = {"loss": estimate.value, "accuracy": parts.objective.score(estimate.aux, task.query.y)}
    return Gradient(estimate.dphi, metrics | estimate.metrics, {})
