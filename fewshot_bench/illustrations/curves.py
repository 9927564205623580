"""What the pictures without noise are drawn from: theta*, the meta-objectives and their derivatives on a grid."""

from collections.abc import Callable

import pandas as pd
import torch
from torch import Tensor

from fewshot_bench.illustrations.landscape import inner_slope, response
from fewshot_bench.illustrations.meta_objective import meta_loss, meta_slope, variational_loss, variational_slope
from fewshot_bench.illustrations.solution import by_conjugate_gradient, solution

HALF_STEP = 0.001
"""Of finite differences, and half the spacing of the grid: every jump lies between the two sides of some difference."""


def grid() -> Tensor:
    """theta_0 from -3 to 3."""
    return torch.linspace(-3, 3, round(3 / HALF_STEP) + 1, dtype=torch.float64)


def curves() -> pd.DataFrame:
    """A row for each theta_0 of the grid; `residual` is the inner slope that descent left at theta*."""
    theta0 = grid()
    here, low, high = (solution(theta0 + shift) for shift in (0.0, -HALF_STEP, HALF_STEP))

    def difference(of: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        return (of(high, theta0 + HALF_STEP) - of(low, theta0 - HALF_STEP)) / (2 * HALF_STEP)

    columns = {
        "theta0": theta0,
        "solution": here,
        "residual": inner_slope(here, theta0).abs(),
        "closed_form": response(here),
        "conjugate_gradient": by_conjugate_gradient(here),
        "finite_difference": difference(lambda theta, _: theta),
        "meta_loss": meta_loss(here),
        "meta_slope": meta_slope(here),
        "meta_finite_difference": difference(lambda theta, _: meta_loss(theta)),
        "variational_loss": variational_loss(here, theta0),
        "variational_slope": variational_slope(here, theta0),
        "variational_finite_difference": difference(variational_loss),
    }
    return pd.DataFrame({name: values.numpy() for name, values in columns.items()})
