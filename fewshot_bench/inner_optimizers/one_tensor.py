"""A rule written for one tensor, made into an inner optimizer of all of them."""

from collections.abc import Callable, Mapping
from math import inf
from typing import NamedTuple

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
"""Slot or hyperparameter -> its tensor, as one parameter tensor sees them."""

OneTensor = Callable[[Tensor, Tensor, Slots, Slots], tuple[Tensor, Slots]]
"""(p, g, slots, hyper) -> (p, slots): one step of one parameter tensor; `hyper` broadcasts to p, of whatever shape."""

BELOW_ONE = 1 - 1e-6
"""Highest momentum or beta: at 1 an average would never move, and bias corrections divide by zero."""


class Learned(NamedTuple):
    """Where a hyperparameter starts, and the range it has to start in and is kept in when learned."""

    start: float
    low: float
    high: float


def rule(
    one: OneTensor, init: Callable[[Params, OuterState | None], State], learned: Mapping[str, Learned]
) -> InnerOptimizer:
    """`one` for every tensor in turn. Raises ValueError for a start out of its range."""
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
    """An `init` that asks each tensor alone, and the meta-optimizer nothing."""
    return lambda params, outer: by_slot({name: of_one(p) for name, p in params.items()})


def of_tensor(table: Mapping[str, Params], name: str) -> Slots:
    """The entries of one parameter tensor."""
    return {slot: tensors[name] for slot, tensors in table.items()}


def by_slot(by_name: Mapping[str, Slots]) -> State:
    """Parameter -> slot -> tensor, turned around."""
    slots = next(iter(by_name.values()), {})
    return {slot: {name: own[slot] for name, own in by_name.items()} for slot in slots}


def rate(lr: float, lr_min: float) -> Learned:
    """A learning rate with a floor. Raises ValueError for a floor below 0."""
    check_range("lr_min", lr_min, 0, inf)
    return Learned(lr, lr_min, inf)


def fraction(start: float) -> Learned:
    """What averages: momentum, beta, rho."""
    return Learned(start, 0.0, BELOW_ONE)


def not_negative(start: float) -> Learned:
    """A strength without a ceiling: weight decay."""
    return Learned(start, 0.0, inf)


def unless_off(**learned: Learned) -> dict[str, Learned]:
    """Those that do not start at 0: what is off is no hyperparameter, so nothing turns it on."""
    return {name: value for name, value in learned.items() if value.start != 0}


def with_weight_decay(p: Tensor, g: Tensor, hyper: Slots) -> Tensor:
    """The gradient of loss + weight_decay / 2 * |p|^2, where weight decay is on."""
    return g + hyper["weight_decay"] * p if "weight_decay" in hyper else g
