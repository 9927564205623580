"""Inner optimizers from a rule for one tensor, and the parts that rules share."""

from collections.abc import Callable, Mapping
from math import inf
from typing import NamedTuple

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

Slots = dict[str, Tensor]
"""Slot or hyperparameter name -> the tensor that belongs to one parameter tensor."""

OneTensor = Callable[[Tensor, Tensor, Slots, Slots], tuple[Tensor, Slots]]
"""(p, g, slots, hyper) -> (p, slots): one step of one parameter tensor; `hyper` broadcasts to p, of whatever shape."""

BELOW_ONE = 1 - 1e-6
"""Highest momentum or beta. At 1 an average would never move, and bias corrections would divide by zero."""


class LearnedRange(NamedTuple):
    """Initial value of a hyperparameter, and the range in which it has to start and stays when learned."""

    start: float
    low: float
    high: float


def rule(
    one: OneTensor, init: Callable[[Params, OuterState | None], State], learned: Mapping[str, LearnedRange]
) -> InnerOptimizer:
    """The inner optimizer that applies `one` to every tensor. Raises ValueError for a start outside its range."""
    for name, (start, low, high) in learned.items():
        check_range(name, start, low, high)

    def step(params: Params, grads: Params, state: State, hyper: Hyper) -> tuple[Params, State]:
        new_params: Params = {}
        new_slots: dict[str, Slots] = {}
        for name, p in params.items():
            slots, own = of_tensor(state, name), of_tensor(hyper, name)
            new_params[name], new_slots[name] = one(p, grads[name], slots, own)
        return new_params, by_slot(new_slots)

    return InnerOptimizer(
        init=init,
        hyperparameters=lambda params: {name: per_tensor(params, value.start) for name, value in learned.items()},
        step=step,
        bounds={name: (value.low, value.high) for name, value in learned.items()},
    )


def start_at(of_one: Callable[[Tensor], Slots]) -> Callable[[Params, OuterState | None], State]:
    """An `init` from each tensor alone; it ignores the meta-optimizer."""
    return lambda params, outer: by_slot({name: of_one(p) for name, p in params.items()})


def of_tensor(table: Mapping[str, Params], name: str) -> Slots:
    """The entries that belong to one parameter tensor."""
    return {slot: tensors[name] for slot, tensors in table.items()}


def by_slot(by_name: Mapping[str, Slots]) -> State:
    """A table parameter -> slot -> tensor as slot -> parameter -> tensor."""
    slots = next(iter(by_name.values()), {})
    return {slot: {name: own[slot] for name, own in by_name.items()} for slot in slots}


def rate(lr: float, lr_min: float) -> LearnedRange:
    """A learning rate with a floor. Raises ValueError for a floor below 0."""
    check_range("lr_min", lr_min, 0, inf)
    return LearnedRange(lr, lr_min, inf)


def fraction(start: float) -> LearnedRange:
    """A hyperparameter that averages: momentum, beta, rho."""
    return LearnedRange(start, 0.0, BELOW_ONE)


def not_negative(start: float) -> LearnedRange:
    """A hyperparameter from 0 up, such as weight decay."""
    return LearnedRange(start, 0.0, inf)


def unless_off(**learned: LearnedRange) -> dict[str, LearnedRange]:
    """The hyperparameters that do not start at 0. One that starts at 0 is off and cannot be learned."""
    return {name: value for name, value in learned.items() if value.start != 0}


def with_weight_decay(p: Tensor, g: Tensor, hyper: Slots) -> Tensor:
    """The gradient of loss + weight_decay / 2 * |p|^2 if weight decay is on, else g."""
    return g + hyper["weight_decay"] * p if "weight_decay" in hyper else g


def sqrt_or_zero(x: Tensor) -> Tensor:
    """sqrt(x), with derivative 0 at x = 0 instead of infinity; 0 where rounding made x negative.

    A ReLU network has weights whose gradient is exactly zero; infinity times that zero is NaN in the meta-gradient.
    Masked twice, since the derivative of the branch not taken is multiplied by zero and must be finite for it.
    """
    positive = x > 0
    return torch.where(positive, torch.where(positive, x, torch.ones_like(x)).sqrt(), torch.zeros_like(x))
