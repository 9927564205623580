"""Moments of Adam and its relatives: running means of the gradient and of its square, and a step count."""

from collections.abc import Callable

import torch
from torch import Tensor

from fewshot_bench.inner_optimizers.base import InnerOptimizer, OuterState, Params, State, check_range, per_tensor
from fewshot_bench.inner_optimizers.one_tensor import BELOW_ONE, LearnedRange, Slots, fraction, rate, sqrt_or_zero


def moments_from(from_outer: bool) -> Callable[[Params, OuterState | None], State]:
    """An `init`: the meta-optimizer's moments and count if `from_outer` and if there is one, else zeros.

    `params` may be a part of the weights that the meta-optimizer trains.
    """

    def init(params: Params, outer: OuterState | None) -> State:
        if outer is None or not from_outer:
            zeros = {name: torch.zeros_like(p) for name, p in params.items()}
            return {"exp_avg": zeros, "exp_avg_sq": zeros, "steps": per_tensor(params, 0.0)}
        return {
            "exp_avg": {name: outer.exp_avg[name] for name in params},
            "exp_avg_sq": {name: outer.exp_avg_sq[name] for name in params},
            "steps": {name: outer.steps.to(p) for name, p in params.items()},
        }

    return init


def rate_and_betas(lr: float, lr_min: float, beta1: float, beta2: float) -> dict[str, LearnedRange]:
    """The hyperparameters that Adam and its relatives share."""
    return {"lr": rate(lr, lr_min), "beta1": fraction(beta1), "beta2": fraction(beta2)}


def with_betas_within(rule: InnerOptimizer, beta_min: float, beta_max: float) -> InnerOptimizer:
    """The same rule with learned betas kept in [beta_min, beta_max]; they may start outside.

    Raises ValueError if the range is empty or reaches 1.
    """
    check_range("beta_max", beta_max, 0, BELOW_ONE)
    check_range("beta_min", beta_min, 0, beta_max)
    return rule._replace(bounds={**rule.bounds, "beta1": (beta_min, beta_max), "beta2": (beta_min, beta_max)})


def next_moments(g: Tensor, slots: Slots, hyper: Slots) -> Slots:
    """Both means and the step count after one more gradient."""
    b1, b2 = hyper["beta1"], hyper["beta2"]
    return {
        "exp_avg": b1 * slots["exp_avg"] + (1 - b1) * g,
        "exp_avg_sq": b2 * slots["exp_avg_sq"] + (1 - b2) * g * g,
        "steps": slots["steps"] + 1,
    }


def adam_move(m: Tensor, v: Tensor, count: Tensor, hyper: Slots, eps: float) -> Tensor:
    """lr * m_hat / (sqrt(v_hat) + eps), m and v corrected for their start at zero (Kingma & Ba 2015, Algorithm 1)."""
    size = hyper["lr"] / (1 - hyper["beta1"] ** count)
    return size * m / (sqrt_or_zero(v / (1 - hyper["beta2"] ** count)) + eps)
