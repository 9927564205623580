"""AMSGrad: Adam that divides by the largest second moment so far, so that its step sizes never grow."""

from math import inf

import torch
from torch import Tensor

from fewshot_bench.inner_optimizers.base import InnerOptimizer, OuterState, Params, State, check_range
from fewshot_bench.inner_optimizers.moments import adam_move, moments_from, next_moments, rate_and_betas
from fewshot_bench.inner_optimizers.one_tensor import Slots, not_negative, rule, unless_off, with_weight_decay


def amsgrad(
    *,
    lr: float = 1e-3,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    lr_min: float = 1e-4,
    from_outer: bool = False,
    weight_decay: float = 0.0,
) -> InnerOptimizer:
    """AMSGrad (Reddi et al. 2018, Algorithm 2) with the trajectory of torch.optim.Adam(amsgrad=True).

    The paper corrects no bias; torch divides the largest v by 1 - beta2^t of the present step, and so does this.
    lr, beta1, beta2, eps, weight_decay: torch.optim.Adam's defaults. Learned betas stay in [0, 1 - 1e-6]; a
    weight_decay (of the L2 penalty, added to g) of 0 is off and no hyperparameter.
    lr_min: floor of a learned rate, as in `sgd`.
    from_outer: start from the meta-optimizer's moments, as in `adam`, its present v as the largest so far; off, since
    no paper did so with this rule.
    """
    check_range("eps", eps, 0, inf)
    moments = moments_from(from_outer)

    def init(params: Params, outer: OuterState | None) -> State:
        state = moments(params, outer)
        return state | {"max_exp_avg_sq": state["exp_avg_sq"]}

    def one(p: Tensor, g: Tensor, slots: Slots, hyper: Slots) -> tuple[Tensor, Slots]:
        new = next_moments(with_weight_decay(p, g, hyper), slots, hyper)
        largest = torch.maximum(slots["max_exp_avg_sq"], new["exp_avg_sq"])
        move = adam_move(new["exp_avg"], largest, new["steps"], hyper, eps)
        return p - move, new | {"max_exp_avg_sq": largest}

    learned = rate_and_betas(lr, lr_min, beta1, beta2)
    return rule(one, init, learned | unless_off(weight_decay=not_negative(weight_decay)))
