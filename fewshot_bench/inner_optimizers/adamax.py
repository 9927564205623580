"""Adamax: Adam with the largest recent gradient in place of the root mean square."""

from math import inf

import torch
from torch import Tensor

from fewshot_bench.inner_optimizers.base import InnerOptimizer, check_range
from fewshot_bench.inner_optimizers.moments import rate_and_betas
from fewshot_bench.inner_optimizers.one_tensor import Slots, not_negative, rule, start_at, unless_off, with_weight_decay


def adamax(
    *,
    lr: float = 2e-3,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    lr_min: float = 1e-4,
    weight_decay: float = 0.0,
) -> InnerOptimizer:
    """Adamax (Kingma & Ba 2015, Algorithm 2) with torch.optim.Adamax's trajectory: eps is added to |g|.

    lr, beta1, beta2, eps, weight_decay: torch.optim.Adamax's defaults; all but eps and weight_decay the paper's too.
    Learned betas stay in [0, 1 - 1e-6]; a weight_decay (of the L2 penalty, added to g) of 0 is off and no
    hyperparameter.
    lr_min: floor of a learned rate, as in `sgd`.
    """
    check_range("eps", eps, 0, inf)

    def one(p: Tensor, g: Tensor, slots: Slots, hyper: Slots) -> tuple[Tensor, Slots]:
        g, b1, count = with_weight_decay(p, g, hyper), hyper["beta1"], slots["steps"] + 1
        m = b1 * slots["exp_avg"] + (1 - b1) * g
        u = torch.maximum(hyper["beta2"] * slots["exp_inf"], g.abs() + eps)
        return p - hyper["lr"] / (1 - b1**count) * m / u, {"exp_avg": m, "exp_inf": u, "steps": count}

    init = start_at(
        lambda p: {"exp_avg": torch.zeros_like(p), "exp_inf": torch.zeros_like(p), "steps": p.new_zeros(())}
    )
    learned = rate_and_betas(lr, lr_min, beta1, beta2)
    return rule(one, init, learned | unless_off(weight_decay=not_negative(weight_decay)))
