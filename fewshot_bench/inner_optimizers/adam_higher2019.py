"""Adam as `higher` differentiates it, with the wrong gradient to beta2 that the paper's runs most likely had."""

from math import inf

from torch import Tensor

from fewshot_bench.inner_optimizers.base import InnerOptimizer, check_range
from fewshot_bench.inner_optimizers.moments import moments_from, next_moments, rate_and_betas, with_betas_within
from fewshot_bench.inner_optimizers.one_tensor import Slots, rule, sqrt_or_zero


def adam_higher2019(
    *,
    lr: float = 0.1,
    beta1: float = 0.5,
    beta2: float = 0.5,
    eps: float = 1e-8,
    lr_min: float = 1e-4,
    beta_min: float = 1e-4,
    beta_max: float = 0.99,
    from_outer: bool = True,
) -> InnerOptimizer:
    """Adam with the trajectory and the gradients of higher 0.2.1's DifferentiableAdam: for reproduction, not for use.

    Two differences from `adam`. sqrt(1 - beta2^t) is a constant to differentiation (`_math.sqrt` of a tensor; in the
    first public commit, c45ded0 of October 2019, too), so the gradient to beta2 lacks a part and is wrong until t is
    well above 1 / (1 - beta2); those to lr, beta1 and the weights are right. And eps is added to the uncorrected
    sqrt(v) (Kingma & Ba 2015, end of section 2), which matters if v is tiny.

    Options, their defaults and their sources are those of `adam`.
    """
    check_range("eps", eps, 0, inf)

    def one(p: Tensor, g: Tensor, slots: Slots, hyper: Slots) -> tuple[Tensor, Slots]:
        slots = next_moments(g, slots, hyper)
        outside_the_graph = (1 - hyper["beta2"] ** slots["steps"]).detach().sqrt()
        size = hyper["lr"] * outside_the_graph / (1 - hyper["beta1"] ** slots["steps"])
        return p - size * slots["exp_avg"] / (sqrt_or_zero(slots["exp_avg_sq"]) + eps), slots

    learned = rate_and_betas(lr, lr_min, beta1, beta2)
    optimizer = rule(one, moments_from(from_outer), learned)
    return with_betas_within(optimizer, beta_min, beta_max)
