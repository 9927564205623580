"""Gradient descent, with optional momentum and weight decay."""

import torch
from torch import Tensor

from fewshot_bench.inner_optimizers.base import InnerOptimizer
from fewshot_bench.inner_optimizers.one_tensor import (
    LearnedRange,
    Slots,
    fraction,
    not_negative,
    rate,
    rule,
    start_at,
    unless_off,
    with_weight_decay,
)


def sgd(
    *,
    lr: float = 0.1,
    lr_min: float = 1e-4,
    momentum: float = 0.0,
    dampening: float = 0.0,
    nesterov: bool = False,
    weight_decay: float = 0.0,
) -> InnerOptimizer:
    """p <- p - lr * g, with one learning rate per parameter tensor, as torch.optim.SGD.

    lr: initial learning rate. 0.1: the fork's config.yaml, for SGD and Adam alike.
    lr_min: floor of a learned rate after each meta-step; no ceiling (the fork's few_shot_learning_system.py:324-330).
    momentum: b <- momentum * b + (1 - dampening) * g, and b in place of g; the first b is g itself, as in torch.
    nesterov: g + momentum * b in place of b (Sutskever et al. 2013, section 2); needs momentum and no dampening.
    weight_decay: of the L2 penalty's gradient, weight_decay * p.
    The last four are off by default, as in torch.optim and the fork. An option that is off has no state and is no
    hyperparameter; one that is on can be learned: momentum in [0, 1 - 1e-6], dampening in [0, 1], weight_decay from 0
    up.
    """
    if nesterov and (momentum == 0 or dampening != 0):
        raise ValueError("`nesterov` needs a `momentum` above 0 and no `dampening`.")
    if dampening != 0 and momentum == 0:
        raise ValueError(f"`dampening` is {dampening}, but there is no `momentum` for it to damp.")

    def one(p: Tensor, g: Tensor, slots: Slots, hyper: Slots) -> tuple[Tensor, Slots]:
        g = with_weight_decay(p, g, hyper)
        if momentum == 0:
            return p - hyper["lr"] * g, {}
        slots = {**slots, "momentum_buffer": next_buffer(g, slots, hyper)}
        if dampening != 0:
            slots["steps"] = slots["steps"] + 1
        move = g + hyper["momentum"] * slots["momentum_buffer"] if nesterov else slots["momentum_buffer"]
        return p - hyper["lr"] * move, slots

    def start(p: Tensor) -> Slots:
        buffer = {"momentum_buffer": torch.zeros_like(p)} if momentum != 0 else {}
        return buffer | ({"steps": p.new_zeros(())} if dampening != 0 else {})

    options = unless_off(
        momentum=fraction(momentum),
        dampening=LearnedRange(dampening, 0.0, 1.0),
        weight_decay=not_negative(weight_decay),
    )
    return rule(one, start_at(start), {"lr": rate(lr, lr_min), **options})


def next_buffer(g: Tensor, slots: Slots, hyper: Slots) -> Tensor:
    """The running sum of gradients. Only dampening, which does not apply to the first gradient, counts steps."""
    kept = hyper["momentum"] * slots["momentum_buffer"]
    if "dampening" not in hyper:
        return kept + g
    return torch.where(slots["steps"] == 0, g, kept + (1 - hyper["dampening"]) * g)
