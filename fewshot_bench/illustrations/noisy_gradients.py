"""The stochastic meta-objective's derivative: what finite differences say, and what estimators make of it."""

from math import pi, sqrt
from typing import NamedTuple

import torch
from torch import Tensor

from fewshot_bench.illustrations.landscape import Basins, basins, bottom, loss, response, slope
from fewshot_bench.illustrations.meta_objective import meta_slope
from fewshot_bench.illustrations.noisy_descent import noise_of, noisy_ends, noisy_paths, parts_of, spread
from fewshot_bench.illustrations.solution import descend_with_tangent

_HALF_STEP = 0.02  # of finite differences: no minimum comes or goes within it at the points of the table
_SETTLING = 120  # steps of descent to differentiate through
_AT_ONCE = 10_000


class Mean(NamedTuple):
    """A Monte Carlo mean and its standard error."""

    value: float
    error: float


class Estimates(NamedTuple):
    """d E f(theta*) / d theta_0, estimated in several ways from the same noise.

    finite_differences: central, with common random numbers: right, up to their error.
    pathwise: through every step, noisy and settling, with the noise held fixed (explicit differentiation).
    implicit: f'(theta*) / (1 + f''(theta*)) at the minimum that was reached.
    score: implicit + f(theta*) x the score of the noisy positions (likelihood ratio; the mean of f is the baseline).
    score_and_edges: score + what the basins' edges contribute by moving themselves: all there is.
    """

    finite_differences: Mean
    pathwise: Mean
    implicit: Mean
    score: Mean
    score_and_edges: Mean


def estimates(theta0: float, sigma: float, samples: int, generator: torch.Generator) -> Estimates:
    """All of them at one theta_0. samples: at least 2."""
    parts = [_per_sample(theta0, sigma, noise_of(size, generator)) for size in parts_of(samples, _AT_ONCE)]
    values = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
    losses = values["loss"]
    score = values["implicit"] + (losses - losses.mean()) * values["path score"]
    return Estimates(
        finite_differences=_mean(values["difference"]),
        pathwise=_mean(values["pathwise"]),
        implicit=_mean(values["implicit"]),
        score=_mean(score),
        score_and_edges=_mean(score + values["edges"]),
    )


def _per_sample(theta0: float, sigma: float, noise: Tensor) -> dict[str, Tensor]:
    here = basins(theta0)
    paths = noisy_paths(theta0, sigma, noise)
    settled = bottom(paths.end, here)
    by_descent, tangent = descend_with_tangent(paths.end, paths.tangent, theta0, _SETTLING)
    return {
        "loss": loss(settled),
        "path score": paths.score,
        "implicit": meta_slope(settled),
        "pathwise": slope(by_descent) * tangent,
        "edges": _edges(paths.last_mean, here, spread(sigma)),
        "difference": _difference(theta0, sigma, noise),
    }


def _edges(last_mean: Tensor, here: Basins, deviation: float) -> Tensor:
    """Density of the last noisy position at each edge x how the edge moves x the loss it moves from right to left."""
    density = torch.exp(-(((here.edges[:, None] - last_mean) / deviation) ** 2) / 2) / (deviation * sqrt(2 * pi))
    exchanged = response(here.edges) * -loss(here.minima).diff()
    return (density * exchanged[:, None]).sum(0)


def _difference(theta0: float, sigma: float, noise: Tensor) -> Tensor:
    low, high = theta0 - _HALF_STEP, theta0 + _HALF_STEP
    ends = noisy_ends(torch.tensor([[low], [high]], dtype=torch.float64), sigma, noise)
    return (loss(bottom(ends[1], basins(high))) - loss(bottom(ends[0], basins(low)))) / (2 * _HALF_STEP)


def _mean(values: Tensor) -> Mean:
    return Mean(float(values.mean()), float(values.std()) / sqrt(len(values)))
