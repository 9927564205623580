"""Learned hyperparameters of the inner optimizer: a value for each tensor, step or weight, kept in its range."""

from collections.abc import Mapping
from math import isinf
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from fewshot_bench.inner_optimizers.base import Hyper, InnerOptimizer, Params
from fewshot_bench.learners.base import Meta, grouped, select

Grain = Literal["tensor", "tensor-and-step", "element"]
"""One value for each parameter tensor (the paper), each tensor and inner step (MAML++), or each weight (Meta-SGD)."""

Constraint = Literal["clamp", "softplus", "exp", "none"]
"""How a learned value is kept in its range.

"clamp": by a clamp after each meta-step (the paper). "softplus", "exp": by a function of a free variable; with two
bounds a sigmoid is used. "none": not at all (Meta-SGD, MAML++).
"""

Bounds = Mapping[str, tuple[float, float]]


def starting(opt: InnerOptimizer, params: Params, steps: int, grain: Grain, constraint: Constraint) -> Meta:
    """The meta-parameters "<hyperparameter>/<parameter>": [], [steps] or shaped like the parameter, by grain.

    Raises ValueError if an initial value lies on a bound that the constraint never reaches.
    """
    meta: Meta = {}
    for name, values in opt.hyperparameters(params).items():
        fine = {key: _grained(value, params[key], steps, grain) for key, value in values.items()}
        free = {key: _free(value, opt.bounds[name], constraint) for key, value in fine.items()}
        if not all(bool(value.isfinite().all()) for value in free.values()):
            low, high = opt.bounds[name]
            raise ValueError(
                f"`{name}` starts at a bound, {low} or {high}, that {constraint!r} never reaches. Start inside, or "
                "use the constraint 'clamp'."
            )
        meta |= grouped(name, free)
    return meta


def values_at(meta: Meta, t: int, bounds: Bounds, grain: Grain, constraint: Constraint) -> Hyper:
    """The values at inner step t. Steps after the last trained one have its values."""
    hyper: Hyper = {}
    for name, bound in bounds.items():
        group = select(meta, name)
        if grain == "tensor-and-step":
            group = {key: value[min(t, len(value) - 1)] for key, value in group.items()}
        hyper[name] = {key: _value(free, bound, constraint) for key, free in group.items()}
    return hyper


def bounded(meta: Meta, bounds: Bounds, constraint: Constraint) -> Meta:
    """The meta-parameters, clamped to their ranges if the constraint is "clamp"."""
    clamped = dict(meta)
    if constraint == "clamp":
        for name, (low, high) in bounds.items():
            clamped |= grouped(name, {key: value.clamp(low, high) for key, value in select(meta, name).items()})
    return clamped


def shown(meta: Meta, bounds: Bounds, grain: Grain, constraint: Constraint) -> Meta:
    """The values for records, [] or [steps]. For a value for each weight, the mean over its tensor."""
    values: Meta = {}
    for name, bound in bounds.items():
        used = {key: _value(free, bound, constraint) for key, free in select(meta, name).items()}
        values |= grouped(name, {key: value.mean() if grain == "element" else value for key, value in used.items()})
    return values


def _grained(value: Tensor, parameter: Tensor, steps: int, grain: Grain) -> Tensor:
    if grain == "tensor":
        return value.clone()
    shape = (max(steps, 1),) if grain == "tensor-and-step" else parameter.shape
    return value.expand(shape).clone()


def _value(free: Tensor, bound: tuple[float, float], constraint: Constraint) -> Tensor:
    low, high = bound
    if constraint in ("clamp", "none") or isinf(low):
        return free
    if not isinf(high):
        return low + (high - low) * torch.sigmoid(free)
    return low + (F.softplus(free) if constraint == "softplus" else free.exp())


def _free(value: Tensor, bound: tuple[float, float], constraint: Constraint) -> Tensor:
    """The reverse of `_value`."""
    low, high = bound
    if constraint in ("clamp", "none") or isinf(low):
        return value
    if not isinf(high):
        return torch.logit((value - low) / (high - low))
    return (value - low).expm1().log() if constraint == "softplus" else (value - low).log()
