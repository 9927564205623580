"""Both meta-objectives' derivatives against finite differences, and Reptile's direction."""

import pytest
import torch

from fewshot_bench.illustrations.landscape import loss
from fewshot_bench.illustrations.meta_objective import meta_loss, meta_slope, variational_loss, variational_slope
from fewshot_bench.illustrations.solution import solution

THETA0 = torch.tensor([-2.5, -1.0, 0.1, 0.6, 1.3, 2.9], dtype=torch.float64)
STEP = 1e-5


def difference(of) -> torch.Tensor:
    return (of(THETA0 + STEP) - of(THETA0 - STEP)) / (2 * STEP)


@pytest.mark.parametrize("lam", [0.7, 1.0, 2.0])
def test_imaml(lam):
    numeric = difference(lambda theta0: meta_loss(solution(theta0, lam)))
    assert torch.allclose(meta_slope(solution(THETA0, lam), lam), numeric, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("lam", [0.7, 1.0, 2.0])
def test_the_envelopes_derivative_is_lam_times_theta0_minus_theta_star(lam):
    """Reptile moves theta_0 along theta* - theta_0 (Nichol et al. 2018): down this slope."""
    here = solution(THETA0, lam)
    assert torch.allclose(variational_slope(here, THETA0, lam, lam), lam * (THETA0 - here), rtol=0, atol=1e-10)
    numeric = difference(lambda theta0: variational_loss(solution(theta0, lam), theta0, lam))
    assert torch.allclose(lam * (THETA0 - here), numeric, rtol=1e-6, atol=1e-9)


def test_the_envelope_is_the_lowest_value_of_the_inner_objective():
    """Where the basin of theta_0 is the best one; in another basin it is higher."""
    theta = torch.linspace(-6, 6, 120_001, dtype=torch.float64)
    lowest = torch.stack([(loss(theta) + (theta - theta0) ** 2 / 2).min() for theta0 in THETA0])
    found = variational_loss(solution(THETA0), THETA0)
    assert (found > lowest - 1e-7).all()
    assert [bool(gap < 1e-7) for gap in found - lowest] == [True, True, True, False, True, False]


def test_with_another_coefficient_it_is_not_reptiles_direction():
    """|theta* - theta_0|^2 outside and half of it inside, mu = 2 and lam = 1, as the blog writes it."""
    here = solution(THETA0)
    closed = variational_slope(here, THETA0, 1.0, 2.0)
    numeric = difference(lambda theta0: variational_loss(solution(theta0), theta0, 2.0))
    assert torch.allclose(closed, numeric, rtol=1e-6, atol=1e-9)
    assert ((closed - 2 * (THETA0 - here)) / (THETA0 - here)).abs().min() > 0.01
