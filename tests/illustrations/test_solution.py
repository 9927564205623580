"""theta*(theta_0): its jumps where theory puts them, and its derivative by five routes."""

import pytest
import torch

from fewshot_bench.hypergradients.problem import Bilevel, last_step_only
from fewshot_bench.hypergradients.unrolled import unrolled
from fewshot_bench.illustrations.curves import curves
from fewshot_bench.illustrations.landscape import basins, bottom, curvature, inner_objective, response, slope
from fewshot_bench.illustrations.solution import (
    RATE,
    Jump,
    by_conjugate_gradient,
    descend_with_tangent,
    jumps,
    solution,
)
from fewshot_bench.inner_optimizers.sgd import sgd

AWAY = torch.tensor([-2.5, -1.0, 0.1, 0.6, 1.3, 2.9], dtype=torch.float64)
"""theta_0 between jumps, for lam = 1 and for lam = 2."""


@pytest.fixture(scope="module")
def drawn():
    return curves()


@pytest.fixture(scope="module")
def leaps(drawn) -> list[Jump]:
    return jumps(*(torch.tensor(drawn[name].to_numpy()) for name in ("theta0", "solution")))


def test_descent_has_converged_and_is_in_the_basin_of_its_start(drawn):
    assert drawn["residual"].max() < 1e-13
    for row in drawn.iloc[::100].itertuples():
        start = torch.tensor(row.theta0, dtype=torch.float64)
        assert abs(float(bottom(start, basins(row.theta0))) - row.solution) < 1e-12


def test_four_jumps_the_largest_of_1_8(leaps):
    assert [round(jump.after - jump.before, 2) for jump in leaps] == [1.82, 0.73, 1.01, 1.8]


def test_three_jumps_are_at_maxima_of_the_loss_and_one_where_a_minimum_appears(leaps):
    """At a maximum of f descent from theta_0 itself turns round; where 1 + f'' = 0, a minimum and an edge are born."""
    theta = torch.linspace(-3, 3, 600_001, dtype=torch.float64)
    maxima = theta[:-1][(slope(theta)[:-1] > 0) & (slope(theta)[1:] <= 0)]
    bends = theta[:-1][(1 + curvature(theta)).sign().diff() != 0]
    births = bends + slope(bends)  # theta_0 for which the bend is stationary
    born = [jump for jump in leaps if (births - jump.theta0).abs().min() < 2e-3]
    turned = [jump for jump in leaps if (maxima - jump.theta0).abs().min() < 2e-3]
    assert len(maxima) == len(turned) == 3
    assert len(born) == 1 and born[0] not in turned


@pytest.mark.parametrize("lam", [1.0, 2.0])
def test_all_derivatives_agree_away_from_jumps(lam):
    """With lam = 2, the penalty without the half, it is 2 / (2 + f'') and not 1 / (1 + f'')."""
    step = 1e-5
    here, up, down = (solution(AWAY + shift, lam) for shift in (0.0, step, -step))
    closed = response(here, lam)
    assert torch.allclose(closed, (up - down) / (2 * step), rtol=1e-7)
    assert torch.allclose(closed, by_conjugate_gradient(here, lam), rtol=1e-14)
    tangent = descend_with_tangent(AWAY, torch.ones_like(AWAY), AWAY, lam=lam)[1]
    assert torch.allclose(closed, tangent, rtol=1e-12)
    if lam == 2:
        assert ((1 / (1 + curvature(here))) / closed - 1).abs().min() > 0.3


def test_the_packages_own_unrolled_hypergradient_agrees():
    def outer(w, phi, task, t):
        return w["theta"], {}

    steps = 150
    problem = Bilevel(
        inner=lambda w, phi, task, t: inner_objective(w["theta"], phi["theta0"]),
        outer=outer,
        init=lambda phi, task: {"theta": phi["theta0"]},
        opt=sgd(),
        hyper=lambda phi, t: {"lr": {"theta": torch.tensor(RATE, dtype=torch.float64)}},
        steps=steps,
        step_weights=last_step_only(steps),
        state=lambda w: {},
    )
    for theta0 in AWAY[[1, 4]]:
        dphi = unrolled()(problem, {"theta0": theta0}, None).dphi["theta0"]
        assert torch.allclose(dphi, response(solution(theta0)), rtol=1e-12)


def test_at_a_jump_finite_differences_see_it_and_the_closed_form_does_not(drawn, leaps):
    for jump in leaps:
        row = drawn.iloc[(drawn["theta0"] - jump.theta0).abs().argsort()[:2]]
        assert row["finite_difference"].max() > 100
        assert row["closed_form"].max() < 4


def test_between_jumps_the_drawn_finite_differences_agree(drawn, leaps):
    away = torch.stack([(torch.tensor(drawn["theta0"].to_numpy()) - jump.theta0).abs() for jump in leaps]).min(0).values
    rows = drawn[(away > 0.02).numpy()]
    assert len(rows) > 2900
    assert abs(rows["finite_difference"] / rows["closed_form"] - 1).max() < 2e-3
    assert abs(rows["conjugate_gradient"] / rows["closed_form"] - 1).max() < 1e-14
