"""Rules with the torch.optim optimizer each has to walk as, and a small smooth problem, all in float64."""

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, optim

from fewshot_bench.inner_optimizers import INNER_OPTIMIZERS
from fewshot_bench.inner_optimizers.base import Hyper, InnerOptimizer, OuterState, Params, State

SHAPES = {"matrix": (4, 3), "vector": (3,)}

STEPS = 7
"""Enough for RAdam's switch, which from zeros comes with the sixth step."""


class Case(NamedTuple):
    """Options of a rule, and the optimizer of torch that walks the same way; None where torch has none."""

    name: str
    options: dict[str, Any]
    torch: Callable[[list[Tensor]], optim.Optimizer] | None

    def rule(self) -> InnerOptimizer:
        return INNER_OPTIMIZERS[self.name](**self.options)

    def label(self) -> str:
        return " ".join([self.name, *(f"{key}={value}" for key, value in self.options.items())])


FAST, SLOW = {"beta1": 0.8, "beta2": 0.9}, {"beta1": 0.9, "beta2": 0.999}
NESTEROV = {"momentum": 0.9, "nesterov": True, "weight_decay": 0.01}
DAMPED = {"momentum": 0.8, "dampening": 0.3}
DECAYED, RPROP = {"lr_decay": 0.1, "weight_decay": 0.1}, {"lr": 0.3, "etaminus": 0.4, "etaplus": 1.3}

CASES = [
    Case("sgd", {}, lambda p: optim.SGD(p, lr=0.1)),
    Case("sgd", {"lr": 0.05, "momentum": 0.9}, lambda p: optim.SGD(p, lr=0.05, momentum=0.9)),
    Case("sgd", {"lr": 0.02, **NESTEROV}, lambda p: optim.SGD(p, lr=0.02, **NESTEROV)),
    Case("sgd", DAMPED, lambda p: optim.SGD(p, lr=0.1, **DAMPED)),
    Case("adam", {}, lambda p: optim.Adam(p, lr=0.1, betas=(0.5, 0.5))),
    Case("adam", {"lr": 0.05, **SLOW}, lambda p: optim.Adam(p, lr=0.05)),
    Case("adam", {"eps": 1e-3, "weight_decay": 0.1}, lambda p: optim.Adam(p, 0.1, (0.5, 0.5), 1e-3, 0.1)),
    Case("adamw", {}, lambda p: optim.AdamW(p)),
    Case("adamw", {"lr": 0.1, **FAST, "weight_decay": 0.3}, lambda p: optim.AdamW(p, 0.1, (0.8, 0.9), 1e-8, 0.3)),
    Case("adamw", {"weight_decay": 0.0}, lambda p: optim.AdamW(p, weight_decay=0.0)),
    Case("amsgrad", {}, lambda p: optim.Adam(p, amsgrad=True)),
    Case(
        "amsgrad",
        {"lr": 0.2, "beta1": 0.5, "beta2": 0.5, "weight_decay": 0.1},
        lambda p: optim.Adam(p, 0.2, (0.5, 0.5), weight_decay=0.1, amsgrad=True),
    ),
    Case("radam", {}, lambda p: optim.RAdam(p)),
    Case("radam", {"lr": 0.1, **FAST, "weight_decay": 0.1}, lambda p: optim.RAdam(p, 0.1, (0.8, 0.9), 1e-8, 0.1)),
    Case("radam", {"beta2": 0.6}, lambda p: optim.RAdam(p, betas=(0.9, 0.6))),
    Case("adamax", {}, lambda p: optim.Adamax(p)),
    Case("adamax", {"lr": 0.1, **FAST, "weight_decay": 0.1}, lambda p: optim.Adamax(p, 0.1, (0.8, 0.9), 1e-8, 0.1)),
    Case("rmsprop", {}, lambda p: optim.RMSprop(p)),
    Case(
        "rmsprop",
        {"lr": 0.02, "alpha": 0.9, "eps": 1e-2, "momentum": 0.5, "weight_decay": 0.1},
        lambda p: optim.RMSprop(p, 0.02, 0.9, 1e-2, momentum=0.5, weight_decay=0.1),
    ),
    Case("rmsprop", {"centered": True, "eps": 1e-2}, lambda p: optim.RMSprop(p, centered=True, eps=1e-2)),
    Case("adagrad", {}, lambda p: optim.Adagrad(p)),
    Case(
        "adagrad",
        {"lr": 0.3, **DECAYED, "initial_accumulator_value": 0.2},
        lambda p: optim.Adagrad(p, 0.3, **DECAYED, initial_accumulator_value=0.2),
    ),
    Case("adadelta", {}, lambda p: optim.Adadelta(p)),
    Case(
        "adadelta",
        {"lr": 0.5, "rho": 0.7, "eps": 1e-2, "weight_decay": 0.1},
        lambda p: optim.Adadelta(p, 0.5, 0.7, 1e-2, 0.1),
    ),
    Case("asgd", {}, lambda p: optim.ASGD(p)),
    Case(
        "asgd",
        {"lr": 0.1, "lambd": 0.2, "alpha": 0.5, "t0": 3.0, "weight_decay": 0.1},
        lambda p: optim.ASGD(p, 0.1, 0.2, 0.5, 3.0, 0.1),
    ),
    Case("rprop", {}, lambda p: optim.Rprop(p)),
    Case("rprop", {**RPROP, "step_size_max": 0.5}, lambda p: optim.Rprop(p, 0.3, (0.4, 1.3), (1e-6, 0.5))),
    Case("adam-higher2019", {}, None),
    Case("adam-higher2019", {"lr": 0.05, **SLOW, "eps": 1e-3}, None),
    Case("none", {}, None),
]

WARM_STARTS = ["adam", "adam-higher2019", "adamw", "amsgrad", "radam"]
"""Rules that can start from the meta-optimizer's moments."""

EVERY = [pytest.param(case, id=case.label()) for case in CASES]
ADAPTING = [pytest.param(case, id=case.label()) for case in CASES if case.name != "none"]
IN_TORCH = [pytest.param(case, id=case.label()) for case in CASES if case.torch is not None]


def quadratic(params: Params) -> Tensor:
    """Smooth, curved differently for each tensor, its minima away from zero."""
    return sum(((1 + i) * (p - i) ** 2).sum() + p.sin().sum() for i, p in enumerate(params.values()))


def start(seed: int = 0) -> Params:
    generator = torch.Generator().manual_seed(seed)
    return {name: torch.randn(shape, dtype=torch.float64, generator=generator) for name, shape in SHAPES.items()}


def warm(params: Params) -> OuterState:
    """Statistics of a meta-optimizer in mid-training."""
    generator = torch.Generator().manual_seed(7)
    draw = {name: torch.randn(p.shape, dtype=p.dtype, generator=generator) for name, p in params.items()}
    return OuterState(draw, {name: 0.1 + g * g for name, g in draw.items()}, torch.tensor(3.0, dtype=torch.float64))


def walk(
    rule: InnerOptimizer,
    params: Params,
    hyper: Hyper,
    state: State,
    loss: Callable[[Params], Tensor] = quadratic,
    steps: int = STEPS,
) -> tuple[Params, State]:
    """Weights and state after `steps` steps on `loss`."""
    for _ in range(steps):
        params, state = rule.step(params, torch.func.grad(loss)(params), state, hyper)
    return params, state


def after(rule: InnerOptimizer, params: Params, hyper: Hyper, outer: OuterState | None = None) -> Tensor:
    """The loss where a walk from `params` ends."""
    return quadratic(walk(rule, params, hyper, rule.init(params, outer))[0])


def leaves(tree: Any) -> list[Tensor]:
    return torch.utils._pytree.tree_leaves(tree)
