"""Noisy gradient descent that then settles: the stochastic meta-objective, and the probabilities of its paths."""

from math import sqrt
from typing import NamedTuple

import torch
from torch import Tensor

from fewshot_bench.illustrations.landscape import LAM, basins, bottom, curvature, inner_slope, loss
from fewshot_bench.illustrations.solution import RATE

NOISY_STEPS = 60

_AT_ONCE = 1000


class Paths(NamedTuple):
    """n runs of noisy descent. All are [n], and derivatives are with respect to theta_0.

    end: where they are after the noisy steps. last_mean: where the last step would have led without its noise.
    score: of the density of the path's noisy positions. tangent: of `end`, with the noise as it was drawn.
    """

    end: Tensor
    last_mean: Tensor
    score: Tensor
    tangent: Tensor


def spread(sigma: float) -> float:
    """Standard deviation of one step's noise: sigma sqrt(RATE), as of a diffusion d theta = -slope dt + sigma dW."""
    return sigma * sqrt(RATE)


def noise_of(samples: int, generator: torch.Generator) -> Tensor:
    """[NOISY_STEPS, samples], standard normal, float64."""
    return torch.randn(NOISY_STEPS, samples, generator=generator, dtype=torch.float64)


def noisy_ends(theta0: Tensor, sigma: float, noise: Tensor) -> Tensor:
    """theta <- theta - RATE inner_slope(theta) + spread(sigma) noise, from theta_0. theta0: [g, 1]; returns [g, n]."""
    theta = theta0.expand(-1, noise.shape[1])
    for drawn in noise:
        theta = theta - RATE * inner_slope(theta, theta0) + spread(sigma) * drawn
    return theta


def noisy_paths(theta0: float, sigma: float, noise: Tensor) -> Paths:
    """The same runs from one theta_0, with their derivatives.

    theta_0 moves the mean of a step by RATE lam where theta is given, and that of the first, which starts at theta_0
    where nothing pulls yet, by 1 - RATE f''(theta_0).
    """
    theta = torch.full_like(noise[0], theta0)
    mean, score, tangent = theta, torch.zeros_like(theta), torch.ones_like(theta)
    for step, drawn in enumerate(noise):
        mean = theta - RATE * inner_slope(theta, theta0)
        moved = RATE * LAM if step else 1 - RATE * curvature(theta)
        tangent = (1 - RATE * (curvature(theta) + LAM)) * tangent + RATE * LAM
        score = score + moved * drawn / spread(sigma)
        theta = mean + spread(sigma) * drawn
    return Paths(theta, mean, score, tangent)


def stochastic_meta_loss(
    theta0: Tensor, sigma: float, samples: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """E f(theta*), theta* the bottom of the basin where the noisy steps end: mean and standard error, [g] each.

    theta0: [g]. All theta_0 share their noise, so that the curve is as smooth as its mean is. samples: at least 2.
    """
    of_each = [basins(float(start)) for start in theta0]
    parts = []
    for size in parts_of(samples, _AT_ONCE):
        ends = noisy_ends(theta0[:, None], sigma, noise_of(size, generator))
        parts.append(torch.stack([loss(bottom(end, of)) for end, of in zip(ends, of_each, strict=True)]))
    losses = torch.cat(parts, 1)
    return losses.mean(1), losses.std(1) / sqrt(samples)


def parts_of(samples: int, at_once: int) -> list[int]:
    """Sizes of parts that add up to `samples`: what fits the processor's cache is several times as fast."""
    return [min(at_once, samples - start) for start in range(0, samples, at_once)]
