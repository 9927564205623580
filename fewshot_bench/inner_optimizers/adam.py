"""Adam, differentiable in its learning rate and both betas."""

from math import inf

from torch import Tensor

from fewshot_bench.inner_optimizers.base import InnerOptimizer, check_range
from fewshot_bench.inner_optimizers.moments import (
    adam_move,
    moments_from,
    next_moments,
    rate_and_betas,
    with_betas_within,
)
from fewshot_bench.inner_optimizers.one_tensor import Slots, not_negative, rule, unless_off, with_weight_decay


def adam(
    *,
    lr: float = 0.1,
    beta1: float = 0.5,
    beta2: float = 0.5,
    eps: float = 1e-8,
    lr_min: float = 1e-4,
    beta_min: float = 1e-4,
    beta_max: float = 0.99,
    from_outer: bool = True,
    weight_decay: float = 0.0,
) -> InnerOptimizer:
    """Adam (Kingma & Ba 2015, Algorithm 1) with torch.optim.Adam's trajectory: eps is added to sqrt(v / (1 - beta2^t)).

    lr, beta1, beta2, eps: initial values; 0.1, 0.5, 0.5 and 1e-8 in the fork's config.yaml.
    lr_min, beta_min, beta_max: clamps of the learned values after each meta-step (few_shot_learning_system.py:324-330).
    from_outer: each task starts from the meta-optimizer's first and second moments (Grefenstette et al. 2019, section
    5.2) and from its step count (the fork's code, lines 219-220). False, or no meta-optimizer: from zeros.
    weight_decay: of the L2 penalty, weight_decay * p added to g; off in torch.optim and the fork, learned if on.

    It differs from `higher`, which the paper used: there the bias correction is outside the graph, so the gradient to
    beta2 is wrong, in sign too, until the step count is well above 1 / (1 - beta2). `adam-higher2019` reproduces that.
    """
    check_range("eps", eps, 0, inf)

    def one(p: Tensor, g: Tensor, slots: Slots, hyper: Slots) -> tuple[Tensor, Slots]:
        slots = next_moments(with_weight_decay(p, g, hyper), slots, hyper)
        return p - adam_move(slots["exp_avg"], slots["exp_avg_sq"], slots["steps"], hyper, eps), slots

    learned = rate_and_betas(lr, lr_min, beta1, beta2)
    optimizer = rule(one, moments_from(from_outer), learned | unless_off(weight_decay=not_negative(weight_decay)))
    return with_betas_within(optimizer, beta_min, beta_max)
