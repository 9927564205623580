"""Adaptation that holds on to where it starts: the inner problem of iMAML."""

from collections.abc import Callable

import torch
from torch import Tensor

from fewshot_bench.backbones.noise import Noise
from fewshot_bench.hypergradients.problem import Bilevel, Task, last_step_only
from fewshot_bench.inner_optimizers.base import Params
from fewshot_bench.learners.base import WEIGHTS, Meta, Parts, Stage, select
from fewshot_bench.learners.losses import support_loss

Outer = Callable[[Params, Meta, Task, int], tuple[Tensor, Tensor]]


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
    fixed = parts.opt.hyperparameters(parts.model.weights)

    def inner(w: Params, meta: Meta, task: Task, t: int) -> Tensor:
        loss = support_loss(parts.model, w, task, Noise(task.key, 0) if noisy else None)
        return loss + strength(meta) * penalty(w, select(meta, WEIGHTS))

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
