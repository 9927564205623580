"""The stochastic meta-objective without sampling: the density of noisy descent, carried from step to step on a grid."""

from math import pi, sqrt

import torch
from torch import Tensor

from fewshot_bench.illustrations.landscape import basins, inner_slope, loss
from fewshot_bench.illustrations.noisy_descent import NOISY_STEPS, spread
from fewshot_bench.illustrations.solution import RATE

_REACH = 9.0  # around theta_0; with sigma = 2 the density beyond it is 1e-9
_POINTS = 1201
_HALF_STEP = 0.005


def exact_meta_loss(theta0: float, sigma: float) -> float:
    """E f(theta*) of `noisy_descent.stochastic_meta_loss`, to 1e-8 for sigma between 0.5 and 2."""
    grid = torch.linspace(theta0 - _REACH, theta0 + _REACH, _POINTS, dtype=torch.float64)
    width, deviation = float(grid[1] - grid[0]), spread(sigma)
    means = grid - RATE * inner_slope(grid, theta0)
    start = torch.tensor([theta0], dtype=torch.float64)
    weights = _normal(grid - (start - RATE * inner_slope(start, theta0)), deviation) * width
    onwards = _normal(grid[:, None] - means, deviation) * width  # [to, from]
    for _ in range(NOISY_STEPS - 2):
        weights = onwards @ weights
    # The last step is integrated over each basin in closed form, as the loss jumps at their edges.
    here = basins(theta0)
    below = torch.special.ndtr((here.edges[:, None] - means) / deviation)
    bounds = torch.cat([torch.zeros_like(means)[None], below, torch.ones_like(means)[None]])
    return float(loss(here.minima) @ bounds.diff(dim=0) @ weights)


def exact_slope(theta0: float, sigma: float) -> float:
    """Its derivative, to 1e-5, where no minimum of the inner objective comes or goes near theta0."""
    up, down = (exact_meta_loss(theta0 + shift, sigma) for shift in (_HALF_STEP, -_HALF_STEP))
    return (up - down) / (2 * _HALF_STEP)


def _normal(away: Tensor, deviation: float) -> Tensor:
    return torch.exp(-((away / deviation) ** 2) / 2) / (deviation * sqrt(2 * pi))
