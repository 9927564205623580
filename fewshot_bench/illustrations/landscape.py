"""One task with one weight: a loss with many minima, the inner objective that pulls it to theta_0, and its basins."""

from typing import NamedTuple

import torch
from torch import Tensor

LAM = 1.0
"""Weight of the proximal term lam/2 (theta - theta_0)^2. A penalty without the half is lam = 2."""

_SPACING = 0.005  # where stationary points are looked for; a minimum and an edge closer than that are passed over
_BISECTIONS = 42


def loss(theta: Tensor) -> Tensor:
    """f(theta) = sin 3 theta + 0.3 cos 7 theta + 0.05 theta^2, in training and in validation."""
    return torch.sin(3 * theta) + 0.3 * torch.cos(7 * theta) + 0.05 * theta**2


def slope(theta: Tensor) -> Tensor:
    """f'(theta)."""
    return 3 * torch.cos(3 * theta) - 2.1 * torch.sin(7 * theta) + 0.1 * theta


def curvature(theta: Tensor) -> Tensor:
    """f''(theta), between -23.6 and 23.8."""
    return -9 * torch.sin(3 * theta) - 14.7 * torch.cos(7 * theta) + 0.1


def inner_objective(theta: Tensor, theta0: Tensor | float, lam: float = LAM) -> Tensor:
    """f(theta) + lam/2 (theta - theta_0)^2, what adaptation minimises (Rajeswaran et al. 2019, equation 3)."""
    return loss(theta) + lam / 2 * (theta - theta0) ** 2


def inner_slope(theta: Tensor, theta0: Tensor | float, lam: float = LAM) -> Tensor:
    """The inner objective's derivative with respect to theta."""
    return slope(theta) + lam * (theta - theta0)


def response(stationary: Tensor, lam: float = LAM) -> Tensor:
    """d theta / d theta_0 of a stationary point, lam / (lam + f''): the implicit function theorem."""
    return lam / (lam + curvature(stationary))


class Basins(NamedTuple):
    """Of the inner objective of one theta_0. minima: [m], rising; edges: [m - 1], the maxima between them."""

    minima: Tensor
    edges: Tensor


def basins(theta0: float, lam: float = LAM) -> Basins:
    """All minima and maxima of the inner objective, to rounding."""
    # f' is 0.1 theta and a part within +-5.1, so that beyond this radius the inner slope cannot be zero
    radius = (5.1 + 0.1 * abs(theta0)) / (lam + 0.1) + _SPACING
    grid = torch.arange(theta0 - radius, theta0 + radius + _SPACING, _SPACING, dtype=torch.float64)
    rising = inner_slope(grid, theta0, lam) > 0
    at = torch.nonzero(rising[1:] != rising[:-1])[:, 0]
    low, high, rises = grid[at], grid[at + 1], rising[at + 1]
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        beyond = (inner_slope(middle, theta0, lam) > 0) == rises
        low, high = torch.where(beyond, low, middle), torch.where(beyond, middle, high)
    stationary = (low + high) / 2
    return Basins(stationary[::2].contiguous(), stationary[1::2].contiguous())


def bottom(theta: Tensor, of: Basins) -> Tensor:
    """The minimum that gradient descent with a small step reaches from each theta: in one dimension, its basin's."""
    return of.minima[torch.searchsorted(of.edges, theta)]
