"""Averaged gradient descent (ASGD): decaying steps, and the mean of the weights in the state."""

from math import inf

import torch
from torch import Tensor

from fewshot_bench.inner_optimizers.base import InnerOptimizer, check_range
from fewshot_bench.inner_optimizers.one_tensor import (
    Slots,
    not_negative,
    rate,
    rule,
    start_at,
    unless_off,
    with_weight_decay,
)


def asgd(
    *,
    lr: float = 0.01,
    lambd: float = 1e-4,
    alpha: float = 0.75,
    t0: float = 1e6,
    lr_min: float = 1e-4,
    weight_decay: float = 0.0,
) -> InnerOptimizer:
    """ASGD (Polyak & Juditsky 1992) with torch.optim.ASGD's trajectory: p <- (1 - lambd * eta) * p - eta * g.

    As in torch, the weights themselves are not averaged; their mean over all steps but the first t0 + 1 is the slot
    `ax` of the state, and until there are such steps it is the last weights.

    lr, lambd, alpha, t0, weight_decay: torch.optim.ASGD's defaults.
    lambd, alpha: step t, counted from 0, has eta = lr / (1 + lambd * lr * t)^alpha; both learned, from 0 up.
    t0: the mean leaves out the first t0 + 1 steps; a count, so not learned.
    weight_decay: of the L2 penalty, added to g; 0 turns it off, and then it is no hyperparameter.
    lr_min: floor of a learned rate, as in `sgd`.
    """
    check_range("t0", t0, 0, inf)

    def one(p: Tensor, g: Tensor, slots: Slots, hyper: Slots) -> tuple[Tensor, Slots]:
        g, count = with_weight_decay(p, g, hyper), slots["steps"]
        eta = hyper["lr"] / (1 + hyper["lambd"] * hyper["lr"] * count) ** hyper["alpha"]
        p = p * (1 - hyper["lambd"] * eta) - eta * g
        ax = slots["ax"] + (p - slots["ax"]) / (count - t0).clamp(min=1.0)
        return p, {"ax": ax, "steps": count + 1}

    init = start_at(lambda p: {"ax": torch.zeros_like(p), "steps": p.new_zeros(())})
    options = unless_off(weight_decay=not_negative(weight_decay))
    learned = {"lr": rate(lr, lr_min), "lambd": not_negative(lambd), "alpha": not_negative(alpha)}
    return rule(one, init, learned | options)
