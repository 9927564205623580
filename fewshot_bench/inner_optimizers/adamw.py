"""AdamW: Adam with weight decay outside its moments."""

from math import inf

from torch import Tensor

from fewshot_bench.inner_optimizers.base import InnerOptimizer, check_range
from fewshot_bench.inner_optimizers.moments import adam_move, moments_from, next_moments, rate_and_betas
from fewshot_bench.inner_optimizers.one_tensor import Slots, not_negative, rule, unless_off


def adamw(
    *,
    lr: float = 1e-3,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    weight_decay: float = 0.01,
    lr_min: float = 1e-4,
    from_outer: bool = False,
) -> InnerOptimizer:
    """Adam with p <- (1 - lr * weight_decay) * p before each step (Loshchilov & Hutter 2019, Algorithm 2).

    The decay is multiplied by lr as in torch.optim.AdamW; in the paper by the schedule alone.
    lr, beta1, beta2, eps, weight_decay: torch.optim.AdamW's defaults. Learned betas stay in [0, 1 - 1e-6]; a
    weight_decay of 0 is off and no hyperparameter.
    lr_min: floor of a learned rate, as in `sgd`.
    from_outer: start from the meta-optimizer's moments, as in `adam`; off, since no paper did so with this rule.
    """
    check_range("eps", eps, 0, inf)

    def one(p: Tensor, g: Tensor, slots: Slots, hyper: Slots) -> tuple[Tensor, Slots]:
        slots = next_moments(g, slots, hyper)
        kept = p * (1 - hyper["lr"] * hyper["weight_decay"]) if "weight_decay" in hyper else p
        return kept - adam_move(slots["exp_avg"], slots["exp_avg_sq"], slots["steps"], hyper, eps), slots

    learned = rate_and_betas(lr, lr_min, beta1, beta2)
    return rule(one, moments_from(from_outer), learned | unless_off(weight_decay=not_negative(weight_decay)))
