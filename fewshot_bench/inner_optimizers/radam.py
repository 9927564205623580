"""RAdam: Adam that uses plain momentum until its second moment has averaged enough gradients."""

from math import inf

import torch
from torch import Tensor

from fewshot_bench.inner_optimizers.base import InnerOptimizer, check_range
from fewshot_bench.inner_optimizers.moments import moments_from, next_moments, rate_and_betas
from fewshot_bench.inner_optimizers.one_tensor import (
    Slots,
    not_negative,
    rule,
    sqrt_or_zero,
    unless_off,
    with_weight_decay,
)


def radam(
    *,
    lr: float = 1e-3,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    lr_min: float = 1e-4,
    from_outer: bool = False,
    weight_decay: float = 0.0,
) -> InnerOptimizer:
    """RAdam (Liu et al. 2020, Algorithm 2) with torch.optim.RAdam's trajectory.

    The paper rectifies from a length of 4 gradients, torch above 5, and so does this. At the default beta2 the first
    five steps are momentum alone, whatever v is: a short inner loop from zeros never divides by sqrt(v), and its
    gradient to beta2 is zero. As a function of beta2 the trajectory jumps where it switches; the gradient is that of
    the side it is on.

    lr, beta1, beta2, eps, weight_decay: torch.optim.RAdam's defaults. Learned betas stay in [0, 1 - 1e-6]; a
    weight_decay (of the L2 penalty, added to g) of 0 is off and no hyperparameter.
    lr_min: floor of a learned rate, as in `sgd`.
    from_outer: start from the meta-optimizer's moments, as in `adam`; off, since no paper did so with this rule.
    """
    check_range("eps", eps, 0, inf)

    def one(p: Tensor, g: Tensor, slots: Slots, hyper: Slots) -> tuple[Tensor, Slots]:
        slots = next_moments(with_weight_decay(p, g, hyper), slots, hyper)
        move = hyper["lr"] * slots["exp_avg"] / (1 - hyper["beta1"] ** slots["steps"])
        return p - move * rectified(slots["exp_avg_sq"], hyper["beta2"], slots["steps"], eps), slots

    learned = rate_and_betas(lr, lr_min, beta1, beta2)
    return rule(one, moments_from(from_outer), learned | unless_off(weight_decay=not_negative(weight_decay)))


def rectified(v: Tensor, beta2: Tensor, count: Tensor, eps: float) -> Tensor:
    """r / (sqrt(v_hat) + eps), or 1 if v has averaged too few gradients to divide by.

    If it has averaged enough, both lengths are above 4. Otherwise they are replaced by 6, so that the branch not taken
    has finite derivatives.
    """
    correction = 1 - beta2**count
    longest = 2 / (1 - beta2) - 1
    length = longest - 2 * count * beta2**count / correction
    enough = length > 5
    longest, length = (torch.where(enough, x, torch.full_like(x, 6.0)) for x in (longest, length))
    r = ((length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)).sqrt()
    scale = r * correction.sqrt() / (sqrt_or_zero(v) + eps)
    return torch.where(enough, scale, torch.ones_like(scale))
