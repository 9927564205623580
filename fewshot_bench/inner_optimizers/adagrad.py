"""Adagrad: gradients divided by the root of the sum of all their squares."""

from math import inf

import torch
from torch import Tensor

from fewshot_bench.inner_optimizers.base import InnerOptimizer, check_range
from fewshot_bench.inner_optimizers.one_tensor import (
    Slots,
    not_negative,
    rate,
    rule,
    sqrt_or_zero,
    start_at,
    unless_off,
    with_weight_decay,
)


def adagrad(
    *,
    lr: float = 0.01,
    lr_decay: float = 0.0,
    initial_accumulator_value: float = 0.0,
    eps: float = 1e-10,
    lr_min: float = 1e-4,
    weight_decay: float = 0.0,
) -> InnerOptimizer:
    """Adagrad (Duchi et al. 2011, diagonal form) with torch.optim.Adagrad's trajectory.

    lr, lr_decay, initial_accumulator_value, eps, weight_decay: torch.optim.Adagrad's defaults.
    lr_decay: step t, counted from 0, has the rate lr / (1 + t * lr_decay).
    initial_accumulator_value: initial sum of squares; not learned, since it belongs to the state.
    weight_decay: of the L2 penalty, added to g. 0 turns it or lr_decay off; then it is no hyperparameter.
    lr_min: floor of a learned rate, as in `sgd`.
    """
    check_range("eps", eps, 0, inf)
    check_range("initial_accumulator_value", initial_accumulator_value, 0, inf)

    def one(p: Tensor, g: Tensor, slots: Slots, hyper: Slots) -> tuple[Tensor, Slots]:
        g, count = with_weight_decay(p, g, hyper), slots["steps"]
        total = slots["sum"] + g * g
        size = hyper["lr"] / (1 + count * hyper["lr_decay"]) if "lr_decay" in hyper else hyper["lr"]
        return p - size * g / (sqrt_or_zero(total) + eps), {"sum": total, "steps": count + 1}

    init = start_at(lambda p: {"sum": torch.full_like(p, initial_accumulator_value), "steps": p.new_zeros(())})
    options = unless_off(lr_decay=not_negative(lr_decay), weight_decay=not_negative(weight_decay))
    return rule(one, init, {"lr": rate(lr, lr_min), **options})
