"""Runs of noisy descent: their derivatives, and the stochastic meta-objective by sampling and by quadrature."""

import pytest
import torch
from torch.func import grad

from fewshot_bench.illustrations.landscape import inner_slope, loss
from fewshot_bench.illustrations.noisy_descent import (
    RATE,
    noise_of,
    noisy_ends,
    noisy_paths,
    parts_of,
    spread,
    stochastic_meta_loss,
)
from fewshot_bench.illustrations.noisy_quadrature import exact_meta_loss
from fewshot_bench.illustrations.solution import solution


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def ends(theta0: float, sigma: float, noise: torch.Tensor) -> torch.Tensor:
    return noisy_ends(torch.tensor([[theta0]], dtype=torch.float64), sigma, noise)[0]


def test_the_tangent_is_the_ends_derivative_with_the_noise_held():
    """At a noise so small that runs keep together; a larger one multiplies third derivatives beyond bounds."""
    noise, step = noise_of(50, generator()), 1e-6
    paths = noisy_paths(0.1, 0.3, noise)
    numeric = (ends(0.1 + step, 0.3, noise) - ends(0.1 - step, 0.3, noise)) / (2 * step)
    assert torch.equal(paths.end, ends(0.1, 0.3, noise))
    assert torch.allclose(paths.tangent, numeric, rtol=1e-6, atol=1e-9)


def test_the_score_is_the_derivative_of_the_paths_log_density():
    noise = noise_of(1, generator())
    theta0, sigma = torch.tensor(0.3, dtype=torch.float64), 1.0
    positions = [theta0]
    for drawn in noise[:, 0]:
        at = positions[-1]
        positions.append(at - RATE * inner_slope(at, theta0) + spread(sigma) * drawn)

    def log_density(centre: torch.Tensor) -> torch.Tensor:
        path = [centre, *positions[1:]]
        means = [at - RATE * inner_slope(at, centre) for at in path[:-1]]
        return sum(-(((to - mean) / spread(sigma)) ** 2) / 2 for to, mean in zip(path[1:], means, strict=True))

    assert torch.allclose(noisy_paths(0.3, sigma, noise).score[0], grad(log_density)(theta0), rtol=1e-10)


@pytest.mark.parametrize("sigma", [0.5, 1.0, 2.0])
def test_sampling_and_quadrature_agree(sigma):
    theta0 = torch.tensor([-1.8, 0.3, 0.7], dtype=torch.float64)
    means, errors = stochastic_meta_loss(theta0, sigma, 10_000, generator())
    exact = torch.tensor([exact_meta_loss(float(at), sigma) for at in theta0], dtype=torch.float64)
    assert ((means - exact).abs() < 3.5 * errors).all()
    assert errors.max() < 0.01


def test_without_noise_it_is_the_meta_objective():
    theta0 = torch.tensor([-1.0, 0.6, 1.3], dtype=torch.float64)
    means, errors = stochastic_meta_loss(theta0, 1e-9, 3, generator())
    assert torch.allclose(means, loss(solution(theta0)), rtol=1e-12)
    assert errors.max() < 1e-12


def test_parts_add_up():
    assert [parts_of(2500, 1000), parts_of(1000, 1000), parts_of(1, 1000)] == [[1000, 1000, 500], [1000], [1]]
