"""The loss's derivatives against automatic ones, and basins against gradient descent."""

from collections.abc import Callable

import pytest
import torch
from torch.func import grad

from fewshot_bench.illustrations.landscape import basins, bottom, curvature, inner_objective, inner_slope, loss, slope
from fewshot_bench.illustrations.solution import RATE, descend


def points(count: int, reach: float = 5.0) -> torch.Tensor:
    return reach * (2 * torch.rand(count, generator=torch.Generator().manual_seed(0), dtype=torch.float64) - 1)


def derivative(of: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[torch.Tensor], torch.Tensor]:
    """Of an elementwise function, by automatic differentiation."""
    return grad(lambda theta: of(theta).sum())


def test_derivatives_are_those_of_the_loss():
    theta = points(200)
    assert torch.allclose(slope(theta), derivative(loss)(theta), rtol=0, atol=1e-13)
    assert torch.allclose(curvature(theta), derivative(derivative(loss))(theta), rtol=0, atol=1e-12)
    pulled = derivative(lambda at: inner_objective(at, 0.4, 2.0))(theta)
    assert torch.allclose(inner_slope(theta, 0.4, 2.0), pulled, rtol=0, atol=1e-13)


def test_the_rate_is_below_what_could_overshoot():
    highest = curvature(torch.linspace(-20, 20, 400_001, dtype=torch.float64)).max()
    assert 1 / (1 + highest) > RATE


@pytest.mark.parametrize("theta0", [-2.9, -0.55, 0.3, 0.37, 1.9])
@pytest.mark.parametrize("lam", [1.0, 2.0])
def test_the_bottom_of_a_basin_is_where_descent_ends(theta0, lam):
    starts = theta0 + points(400)
    of = basins(theta0, lam)
    assert len(of.minima) == len(of.edges) + 1
    assert inner_slope(torch.cat(of), theta0, lam).abs().max() < 1e-12
    assert (curvature(of.minima) + lam > 0).all() and (curvature(of.edges) + lam < 0).all()
    reached = descend(starts, theta0, 600, lam)
    assert torch.allclose(bottom(starts, of), reached, rtol=0, atol=1e-6)
