"""Adadelta: gradients scaled by the root mean squares of recent steps and recent gradients."""

from math import inf

import torch
from torch import Tensor

from fewshot_bench.inner_optimizers.base import InnerOptimizer, check_range
from fewshot_bench.inner_optimizers.one_tensor import (
    Slots,
    fraction,
    not_negative,
    rate,
    rule,
    start_at,
    unless_off,
    with_weight_decay,
)


def adadelta(
    *,
    lr: float = 1.0,
    rho: float = 0.9,
    eps: float = 1e-6,
    lr_min: float = 1e-4,
    weight_decay: float = 0.0,
) -> InnerOptimizer:
    """Adadelta (Zeiler 2012, Algorithm 1) with torch.optim.Adadelta's trajectory.

    lr, rho, eps, weight_decay: torch.optim.Adadelta's defaults; the paper has no lr, and rho 0.95 in its experiments.
    rho: share of the past in both means; learned values stay in [0, 1 - 1e-6].
    eps: inside both roots, at least 1e-16. The first step is made of it; at 0 nothing would ever move.
    weight_decay: of the L2 penalty, added to g; 0 turns it off, and then it is no hyperparameter.
    lr_min: floor of a learned rate, as in `sgd`.
    """
    check_range("eps", eps, 1e-16, inf)

    def one(p: Tensor, g: Tensor, slots: Slots, hyper: Slots) -> tuple[Tensor, Slots]:
        g, rho = with_weight_decay(p, g, hyper), hyper["rho"]
        square = rho * slots["square_avg"] + (1 - rho) * g * g
        delta = (slots["acc_delta"] + eps).sqrt() / (square + eps).sqrt() * g
        moved = rho * slots["acc_delta"] + (1 - rho) * delta * delta
        return p - hyper["lr"] * delta, {"square_avg": square, "acc_delta": moved}

    init = start_at(lambda p: {"square_avg": torch.zeros_like(p), "acc_delta": torch.zeros_like(p)})
    options = unless_off(weight_decay=not_negative(weight_decay))
    return rule(one, init, {"lr": rate(lr, lr_min), "rho": fraction(rho), **options})
