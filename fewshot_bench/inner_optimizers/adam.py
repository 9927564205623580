"""Adam, with its learning rate and both betas as tensors one can differentiate with respect to."""

from math import inf

import torch
from torch import Tensor

from fewshot_bench.inner_optimizers.base import (
    Hyper,
    InnerOptimizer,
    OuterState,
    Params,
    State,
    check_range,
    per_tensor,
)


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
) -> InnerOptimizer:
    """Adam (Kingma & Ba 2015, Algorithm 1) with torch.optim.Adam's trajectory: eps is added to sqrt(v / (1 - beta2^t)).

    lr, beta1, beta2, eps: initial values; 0.1, 0.5, 0.5 and 1e-8 in the fork's config.yaml.
    lr_min, beta_min, beta_max: clamps of the learned values after each meta-step (few_shot_learning_system.py:324-330).
    from_outer: each task starts from the meta-optimizer's first and second moments (Grefenstette et al. 2019, section
    5.2) and from its step count (the fork's code, lines 219-220). False, or no meta-optimizer: from zeros.

    Not copied from `higher`, which the paper used: its bias correction is outside the graph, so its gradient with
    respect to beta2 is wrong, in sign too, until the count is well above 1 / (1 - beta2).
    """

    check_range("lr_min", lr_min, 0, inf)
    check_range("beta_max", beta_max, 0, 1 - 1e-6)
    check_range("beta_min", beta_min, 0, beta_max)
    check_range("lr", lr, lr_min, inf)
    check_range("beta1", beta1, 0, 1 - 1e-6)
    check_range("beta2", beta2, 0, 1 - 1e-6)
    check_range("eps", eps, 0, inf)

    def init(params: Params, outer: OuterState | None) -> State:
        if outer is None or not from_outer:
            zeros = {name: torch.zeros_like(p) for name, p in params.items()}
            return {"exp_avg": zeros, "exp_avg_sq": zeros, "steps": per_tensor(params, 0.0)}
        steps = {name: outer.steps.to(p) for name, p in params.items()}
        return {"exp_avg": dict(outer.exp_avg), "exp_avg_sq": dict(outer.exp_avg_sq), "steps": steps}

    def step(params: Params, grads: Params, state: State, hyper: Hyper) -> tuple[Params, State]:
        new_params: Params = {}
        new_state: State = {"exp_avg": {}, "exp_avg_sq": {}, "steps": {}}
        for name, p in params.items():
            g, b1, b2 = grads[name], hyper["beta1"][name], hyper["beta2"][name]
            count = state["steps"][name] + 1
            m = b1 * state["exp_avg"][name] + (1 - b1) * g
            v = b2 * state["exp_avg_sq"][name] + (1 - b2) * g * g
            size = hyper["lr"][name] / (1 - b1**count)
            new_params[name] = p - size * m / (sqrt_or_zero(v / (1 - b2**count)) + eps)
            new_state["exp_avg"][name], new_state["exp_avg_sq"][name], new_state["steps"][name] = m, v, count
        return new_params, new_state

    return InnerOptimizer(
        init=init,
        hyperparameters=lambda params: {
            "lr": per_tensor(params, lr),
            "beta1": per_tensor(params, beta1),
            "beta2": per_tensor(params, beta2),
        },
        step=step,
        bounds={"lr": (lr_min, inf), "beta1": (beta_min, beta_max), "beta2": (beta_min, beta_max)},
    )


def sqrt_or_zero(x: Tensor) -> Tensor:
    """sqrt(x), with derivative 0 at x = 0 instead of infinity.

    A ReLU network has weights whose gradient is exactly zero; infinity times that zero is NaN in the meta-gradient.
    Masked twice, since the derivative of the branch not taken is multiplied by zero and must be finite for it.
    """
    positive = x > 0
    return torch.where(positive, torch.where(positive, x, torch.ones_like(x)).sqrt(), torch.zeros_like(x))
