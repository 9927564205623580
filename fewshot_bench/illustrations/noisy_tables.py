"""What the picture with noise is drawn from: stochastic meta-objectives on a grid, and estimators at four points."""

import pandas as pd
import torch

from fewshot_bench.basics.seeds import seed_for
from fewshot_bench.illustrations.noisy_descent import stochastic_meta_loss
from fewshot_bench.illustrations.noisy_gradients import Mean, estimates
from fewshot_bench.illustrations.noisy_quadrature import exact_slope

SIGMAS = (0.5, 1.0, 2.0)
POINTS = ((1.0, 0.3), (2.0, 0.3), (2.0, -0.55), (1.0, -0.55))
"""(sigma, theta_0) where the derivative is estimated."""

NAMES = {
    "exact": "exact",
    "finite_differences": "finite differences",
    "pathwise": "pathwise",
    "implicit": "implicit",
    "score": "score function",
    "score_and_edges": "score + edges",
}
"""By how the table calls them: the derivative by quadrature, and the fields of `Estimates`."""

_WIDTH = 20


def stochastic_curves(samples: int) -> pd.DataFrame:
    """Rows of theta0, sigma, meta_loss, standard_error; theta0 from -3 to 3 in steps of 0.025."""
    theta0 = torch.linspace(-3, 3, 241, dtype=torch.float64)
    parts = []
    for sigma in SIGMAS:
        means, errors = stochastic_meta_loss(theta0, sigma, samples, _generator("curve", sigma))
        columns = {
            "theta0": theta0.numpy(),
            "sigma": sigma,
            "meta_loss": means.numpy(),
            "standard_error": errors.numpy(),
        }
        parts.append(pd.DataFrame(columns))
    return pd.concat(parts, ignore_index=True)


def estimator_table(samples: int) -> pd.DataFrame:
    """Rows of sigma, theta0, estimator, value, standard_error, samples: POINTS x NAMES."""
    rows = []
    for sigma, theta0 in POINTS:
        found = estimates(theta0, sigma, samples, _generator("estimates", sigma, theta0))
        means = {"exact": Mean(exact_slope(theta0, sigma), 0.0), **found._asdict()}
        rows += [(sigma, theta0, name, *mean, 0 if name == "exact" else samples) for name, mean in means.items()]
    return pd.DataFrame(rows, columns=["sigma", "theta0", "estimator", "value", "standard_error", "samples"])


def as_text(table: pd.DataFrame) -> str:
    """The estimators side by side, a line for each point, standard errors in brackets."""
    lines = ["sigma  theta_0" + "".join(f"{name:>{_WIDTH}}" for name in NAMES.values())]
    for (sigma, theta0), rows in table.groupby(["sigma", "theta0"], sort=False):
        cells = rows.set_index("estimator").loc[list(NAMES)]
        values = map(_cell, cells["value"], cells["standard_error"])
        lines.append(f"{sigma:5g}  {theta0:7g}" + "".join(f"{value:>{_WIDTH}}" for value in values))
    return "\n".join(lines)


def _cell(value: float, error: float) -> str:
    return f"{value:.4f} ({error:.4f})" if error else f"{value:.4f}"


def _generator(*axes: str | float) -> torch.Generator:
    return torch.Generator().manual_seed(seed_for("imaml in one dimension", *map(str, axes)))
