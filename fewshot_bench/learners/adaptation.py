"""What learners that adapt weights share: losses, the bilevel problem from meta-learned weights, its predictions."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from fewshot_bench.backbones.noise import Noise
from fewshot_bench.hypergradients.problem import Bilevel, Estimate, Task, last_step_only, solve
from fewshot_bench.inner_optimizers.base import Params
from fewshot_bench.learners.base import WEIGHTS, BatchNorm, Gradient, Meta, Parts, Stage, accuracy, select
from fewshot_bench.learners.model import Model, query_logits
from fewshot_bench.learners.streams import noise

Inner = Callable[[Params, Meta, Task, int], Tensor]
"""(w, meta, task, t) -> the loss that inner step t lowers."""

Outer = Callable[[Params, Meta, Task, int], tuple[Tensor, Tensor]]
"""(w, meta, task, t) -> the loss after inner step t that is meta-learned, and the queries' logits."""

Predict = Callable[[Parts, Meta, Stage, Task, BatchNorm], Tensor]


def support_loss(model: Model, w: Params, task: Task, noise: Noise | None = None) -> Tensor:
    """Cross-entropy of the support images, nats. noise: for dropout; None: without."""
    return F.cross_entropy(model.apply(w, task.support.x, noise), task.support.y)


def query_loss(
    model: Model, batch_norm: BatchNorm, w: Params, task: Task, noise: Noise | None = None
) -> tuple[Tensor, Tensor]:
    """Cross-entropy of the query images, nats, and their logits [queries, ways]."""
    logits = query_logits(model.apply, batch_norm, w, task, noise)
    return F.cross_entropy(logits, task.query.y), logits


def penalty(w: Params, centre: Params) -> Tensor:
    """1/2 |w - centre|^2 over all weights."""
    return 0.5 * torch.stack([((w[name] - centre[name]) ** 2).sum() for name in w]).sum()


def adaptation(parts: Parts, stage: Stage, inner: Inner, outer: Outer) -> Bilevel:
    """All weights take the stage's steps at the rule's own rates; the outer loss after the last step counts.

    The rule starts from the meta-optimizer's statistics, if it asks for them. A learner replaces what it does otherwise
    (`_replace`).
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

    strength(meta): lambda, which the gradient reaches if it depends on `meta`. noisy: with dropout, with the same masks
    at all inner steps, or there would be no minimum to come near to.
    """

    def inner(w: Params, meta: Meta, task: Task, t: int) -> Tensor:
        loss = support_loss(parts.model, w, task, noise(task, "support") if noisy else None)
        return loss + strength(meta) * penalty(w, select(meta, WEIGHTS))

    return adaptation(parts, stage, inner, outer)


def after_adaptation(problem: Callable[[Parts, Stage], Bilevel]) -> Predict:
    """`Learner.predict` of a learner whose problem adapts all weights: their logits. problem: without dropout."""

    def predict(parts: Parts, meta: Meta, stage: Stage, task: Task, batch_norm: BatchNorm) -> Tensor:
        w, _ = solve(problem(parts, stage), meta, task)
        return query_logits(parts.model.apply, batch_norm, w, task)

    return predict


def as_gradient(found: Estimate, task: Task) -> Gradient:
    """An estimate, whose aux are the queries' logits, as one task's meta-gradient; no memory."""
    metrics = {"loss": found.value, "accuracy": accuracy(found.aux, task.query.y)}
    return Gradient(found.dphi, metrics | found.metrics, {})
