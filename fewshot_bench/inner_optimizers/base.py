"""The contract of an inner optimizer: three pure functions, and the ranges of its learnable hyperparameters."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from torch import Tensor

Params = dict[str, Tensor]
"""Tensors by parameter name, in the order of `module.named_parameters()`."""

State = dict[str, Params]
"""The state of a rule between steps: slot name -> tensors by parameter name. Step counts are tensors too."""

Hyper = dict[str, Params]
"""Hyperparameter name ("lr", "beta1") -> tensors by parameter name, each broadcastable to its parameter."""


class OuterState(NamedTuple):
    """The meta-optimizer's (Adam's) statistics of the network weights, for rules that start from them.

    exp_avg, exp_avg_sq: shaped like the weights; steps: 0-dimensional float tensor, meta-steps done.
    """

    exp_avg: Params
    exp_avg_sq: Params
    steps: Tensor


class InnerOptimizer(NamedTuple):
    """An update rule as pure functions: differentiable in every argument, nothing in place.

    init(params, outer) -> the state at the start of a task. `outer` may be ignored, and may be None.
    hyperparameters(params) -> initial values of what may be learned: one 0-dimensional tensor per parameter tensor.
    step(params, grads, state, hyper) -> (params, state) after one step.
    bounds: (lowest, highest) of each hyperparameter. Learned values are clamped to it after every meta-step.
    """

    init: Callable[[Params, OuterState | None], State]
    hyperparameters: Callable[[Params], Hyper]
    step: Callable[[Params, Params, State, Hyper], tuple[Params, State]]
    bounds: Mapping[str, tuple[float, float]]


def check_range(name: str, value: float, low: float, high: float) -> None:
    """Raise ValueError if a hyperparameter is outside [low, high]."""
    if not low <= value <= high:
        raise ValueError(f"`{name}` is {value}, but has to be in [{low}, {high}].")


def per_tensor(params: Params, value: float) -> Params:
    """One scalar per parameter tensor, of its dtype and device, all equal to `value`."""
    return {name: tensor.new_full((), value) for name, tensor in params.items()}
