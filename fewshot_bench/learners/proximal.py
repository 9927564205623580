"""Adaptation that holds on to where it starts: the inner problem of iMAML."""

from collections.abc import Callable

import torch
from torch import Tensor

from fewshot_bench.backbones.noise import Noise
from fewshot_bench.hypergradients.problem import Bilevel, Task
from fewshot_bench.inner_optimizers.base import Params
from fewshot_bench.learners.adaptation import Outer, adaptation
from fewshot_bench.learners.base import WEIGHTS, Meta, Parts, Stage, select
from fewshot_bench.learners.losses import support_loss


def penalty(w: Params, centre: Params) -> Tensor:
    """1/2 |w - centre|^2 over all weights."""
    return 0.5 * torch.stack([((w[name] - centre[name]) ** 2).sum() for name in w]).sum()


def regularised(
    parts: Parts, stage: Stage, strength: Callable[[Meta], Tensor | float], outer: Outer, *, noisy: bool
) -> Bilevel:
    """inner(w) = support loss + strength / 2 |w - weights|^2, from w_0 = weights (Rajeswaran et al. 2019, equation 3).

    strength(meta): lambda, which the gradient reaches where it depends on `meta`. noisy: with dropout; its masks are
    the same at all inner steps, or there would be no minimum to come near to.
    """

    def inner(w: Params, meta: Meta, task: Task, t: int) -> Tensor:
        loss = support_loss(parts.model, w, task, Noise(task.key, 0) if noisy else None)
        return loss + strength(meta) * penalty(w, select(meta, WEIGHTS))

    return adaptation(parts, stage, inner, outer)
