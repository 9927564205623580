"""theta*(theta_0), where gradient descent from theta_0 ends: its jumps, and its derivative by two routes."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.func import grad

from fewshot_bench.illustrations.landscape import LAM, curvature, inner_objective, inner_slope

RATE = 0.03
"""Inner learning rate: below 1 / (lam + max f''), so that descent is monotone and never leaves its basin."""

STEPS = 3000
"""Enough for a residual of 1e-13 on the grids that are drawn."""

_JUMP = 0.1  # the solution moves 0.006 at most between neighbours 0.002 apart, but for jumps


def descend(start: Tensor, theta0: Tensor | float, steps: int = STEPS, lam: float = LAM) -> Tensor:
    """Gradient descent on the inner objective of theta0 (broadcast against start)."""
    theta = start
    for _ in range(steps):
        theta = theta - RATE * inner_slope(theta, theta0, lam)
    return theta


def descend_with_tangent(
    start: Tensor, tangent: Tensor, theta0: Tensor | float, steps: int = STEPS, lam: float = LAM
) -> tuple[Tensor, Tensor]:
    """`descend`, and d theta / d theta_0 carried along in forward mode, from `tangent` at the start."""
    theta = start
    for _ in range(steps):
        tangent = (1 - RATE * (curvature(theta) + lam)) * tangent + RATE * lam
        theta = theta - RATE * inner_slope(theta, theta0, lam)
    return theta, tangent


def solution(theta0: Tensor, lam: float = LAM) -> Tensor:
    """theta*(theta_0): descent from theta_0 itself, run to convergence."""
    return descend(theta0, theta0, lam=lam)


def by_conjugate_gradient(theta: Tensor, lam: float = LAM) -> Tensor:
    """d theta*/d theta_0 from Hessian-vector products alone, as iMAML does it: H x = lam by conjugate gradients.

    One weight is one step of it: x = r (r r) / (r H r) with r = lam. theta: [n], a problem of its own each.
    """
    residual = torch.full_like(theta, lam)
    # Where the pull is to does not matter to the Hessian.
    slopes = grad(lambda at: inner_objective(at, theta, lam).sum())
    product = grad(lambda at: (slopes(at) * residual).sum())(theta)
    return residual * (residual * residual) / (residual * product)


class Jump(NamedTuple):
    """theta_0 in the middle of two neighbours between which theta* goes from `before` to `after`."""

    theta0: float
    before: float
    after: float


def jumps(theta0: Tensor, solutions: Tensor) -> list[Jump]:
    """The jumps of theta* on a rising grid of theta_0 with steps of 0.002 or less."""
    at = torch.nonzero(solutions.diff().abs() > _JUMP)[:, 0].tolist()
    return [Jump(float(theta0[i : i + 2].mean()), float(solutions[i]), float(solutions[i + 1])) for i in at]
