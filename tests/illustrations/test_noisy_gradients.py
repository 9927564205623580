"""Which estimators of the stochastic meta-gradient are right, by quadrature and by their own standard errors."""

import pytest
import torch

from fewshot_bench.illustrations.noisy_gradients import Estimates, estimates
from fewshot_bench.illustrations.noisy_quadrature import exact_slope
from fewshot_bench.illustrations.noisy_tables import NAMES, POINTS, as_text, estimator_table

SAMPLES = 20_000


@pytest.fixture(scope="module", params=POINTS, ids=str)
def found(request) -> tuple[float, Estimates]:
    sigma, theta0 = request.param
    return exact_slope(theta0, sigma), estimates(theta0, sigma, SAMPLES, torch.Generator().manual_seed(1))


def away(exact: float, mean) -> float:
    """In standard errors."""
    return abs(mean.value - exact) / mean.error


def test_score_and_finite_differences_are_right(found):
    exact, means = found
    assert away(exact, means.finite_differences) < 3
    assert away(exact, means.score) < 3
    assert away(exact, means.score_and_edges) < 3


def test_explicit_differentiation_is_wrong_and_the_same_as_implicit(found):
    exact, means = found
    assert away(exact, means.pathwise) > 10
    assert abs(means.pathwise.value - means.implicit.value) < 0.02 * abs(means.implicit.value)
    assert abs(means.pathwise.value) < 0.5 * abs(exact)


def test_errors_are_calibrated():
    """Over 60 seeds the distance to the exact slope is that of a normal variable with the error that is stated."""
    exact = exact_slope(0.3, 1.0)
    means = [estimates(0.3, 1.0, 500, torch.Generator().manual_seed(seed)).score_and_edges for seed in range(60)]
    scaled = torch.tensor([(mean.value - exact) / mean.error for mean in means])
    assert abs(float(scaled.mean())) < 3 / 60**0.5
    assert 0.73 < float(scaled.std()) < 1.27  # three standard errors of a standard deviation, 0.27


def test_without_the_edges_a_precise_score_is_too_small():
    """What only the edges explain: 0.0028 at sigma = 2, theta_0 = 0.3, from the mean of `edges` alone."""
    means = estimates(0.3, 2.0, SAMPLES, torch.Generator().manual_seed(1))
    assert means.score_and_edges.value - means.score.value == pytest.approx(0.0028, abs=2e-4)


def test_the_table_says_all():
    table = estimator_table(100)
    assert len(table) == len(POINTS) * len(NAMES)
    lines = as_text(table).splitlines()
    assert len(lines) == 1 + len(POINTS)
    assert all(name in lines[0] for name in NAMES.values())
    assert lines[1].split()[:3] == ["1", "0.3", "0.1816"]
