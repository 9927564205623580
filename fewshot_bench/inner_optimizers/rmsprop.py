"""RMSprop: gradients divided by their recent root mean square, or by their standard deviation."""

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
    sqrt_or_zero,
    start_at,
    unless_off,
    with_weight_decay,
)


def rmsprop(
    *,
    lr: float = 0.01,
    alpha: float = 0.99,
    eps: float = 1e-8,
    momentum: float = 0.0,
    centered: bool = False,
    lr_min: float = 1e-4,
    weight_decay: float = 0.0,
) -> InnerOptimizer:
    """RMSprop (Tieleman & Hinton 2012, lecture 6.5) with torch.optim.RMSprop's trajectory: eps outside the root.

    lr, alpha, eps, momentum, centered, weight_decay: torch.optim.RMSprop's defaults.
    alpha: share of the past in the mean of squares; learned values, as those of momentum, stay in [0, 1 - 1e-6].
    momentum: b <- momentum * b + the divided gradient, and b in its place.
    centered: divided by the standard deviation (Graves 2013, arXiv:1308.0850): the squared mean gradient is taken off.
    weight_decay: of the L2 penalty, added to g. 0 turns it or momentum off; then it is no hyperparameter.
    lr_min: floor of a learned rate, as in `sgd`.
    """
    check_range("eps", eps, 0, inf)

    def one(p: Tensor, g: Tensor, slots: Slots, hyper: Slots) -> tuple[Tensor, Slots]:
        g, a = with_weight_decay(p, g, hyper), hyper["alpha"]
        new = {"square_avg": a * slots["square_avg"] + (1 - a) * g * g}
        spread = new["square_avg"]
        if centered:
            new["grad_avg"] = a * slots["grad_avg"] + (1 - a) * g
            spread = spread - new["grad_avg"] * new["grad_avg"]
        move = g / (sqrt_or_zero(spread) + eps)
        if momentum != 0:
            move = new["momentum_buffer"] = hyper["momentum"] * slots["momentum_buffer"] + move
        return p - hyper["lr"] * move, new

    slots = ("square_avg", *(["grad_avg"] if centered else []), *(["momentum_buffer"] if momentum != 0 else []))
    init = start_at(lambda p: {slot: torch.zeros_like(p) for slot in slots})
    options = unless_off(momentum=fraction(momentum), weight_decay=not_negative(weight_decay))
    return rule(one, init, {"lr": rate(lr, lr_min), "alpha": fraction(alpha), **options})
