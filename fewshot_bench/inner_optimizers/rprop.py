"""Rprop: steps that use the sign of a gradient and not its size."""

from math import inf

import torch
from torch import Tensor

from fewshot_bench.inner_optimizers.base import InnerOptimizer, check_range
from fewshot_bench.inner_optimizers.one_tensor import BELOW_ONE, LearnedRange, Slots, rate, rule, start_at


def rprop(
    *,
    lr: float = 0.01,
    etaminus: float = 0.5,
    etaplus: float = 1.2,
    step_size_min: float = 1e-6,
    step_size_max: float = 50.0,
    lr_min: float = 1e-4,
) -> InnerOptimizer:
    """Rprop (Riedmiller & Braun 1993) with torch.optim.Rprop's trajectory: no step if the sign changed.

    While no sign changes, a step does not depend on the weights: the result moves with the start one to one, and no
    second derivative enters. Gradients to lr, etaminus, etaplus and the start are exact between changes of sign, and
    ignore the jumps at them.

    lr: the first step size of every element; later steps do not use it. All defaults but that of lr_min are
    torch.optim.Rprop's. The fork's config.yaml has lr 0.1, but the paper has no Rprop row.
    etaminus, etaplus: factors of the step size if the sign changed, and if it stayed.
    step_size_min, step_size_max: range of step sizes; not learned.
    lr_min: floor of a learned rate, as in `sgd`. Learned factors stay 1e-6 away from 0 and 1.
    """
    check_range("step_size_min", step_size_min, 0, inf)
    check_range("step_size_max", step_size_max, step_size_min, inf)

    def one(p: Tensor, g: Tensor, slots: Slots, hyper: Slots) -> tuple[Tensor, Slots]:
        agreement = g * slots["prev"]
        ones = torch.ones_like(g)
        factor = torch.where(agreement > 0, hyper["etaplus"] * ones, ones)
        factor = torch.where(agreement < 0, hyper["etaminus"] * ones, factor)
        size = torch.where(slots["steps"] == 0, hyper["lr"] * ones, slots["step_size"])
        size = (size * factor).clamp(step_size_min, step_size_max)
        g = torch.where(agreement < 0, torch.zeros_like(g), g)
        return p - g.sign() * size, {"prev": g, "step_size": size, "steps": slots["steps"] + 1}

    init = start_at(lambda p: {"prev": torch.zeros_like(p), "step_size": torch.zeros_like(p), "steps": p.new_zeros(())})
    learned = {
        "lr": rate(lr, lr_min),
        "etaminus": LearnedRange(etaminus, 1e-6, BELOW_ONE),
        "etaplus": LearnedRange(etaplus, 1 + 1e-6, inf),
    }
    return rule(one, init, learned)
