"""An inner optimizer to be tested, and the small problem that it is tested on, in float64."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.func import grad

from fewshot_bench.inner_optimizers.base import Hyper, InnerOptimizer, OuterState, Params

STEPS = 3


class Rule(NamedTuple):
    """make() -> inner optimizer, its options given."""

    make: Callable[..., Any]


def start(seed: int = 0) -> Params:
    """A matrix, a vector and a number."""
    generator = torch.Generator().manual_seed(seed)
    shapes: dict[str, tuple[int, ...]] = {"matrix": (4, 3), "vector": (3,), "number": ()}
    return {name: torch.randn(shape, dtype=torch.float64, generator=generator) for name, shape in shapes.items()}


def bowl(params: Params) -> Tensor:
    """A quadratic with a ripple, so that its second derivatives are not constant."""
    return torch.stack([((1 + i) * (p - i) ** 2).sum() + p.sin().sum() for i, p in enumerate(params.values())]).sum()


def walk(
    made: InnerOptimizer,
    params: Params,
    hyper: Hyper,
    outer: OuterState | None = None,
    *,
    loss: Callable[[Params], Tensor] = bowl,
    steps: int = STEPS,
) -> Params:
    """The weights after some steps down `loss`."""
    state = made.init(params, outer)
    for _ in range(steps):
        params, state = made.step(params, grad(loss)(params), state, hyper)
    return params
