"""Two accuracies of one network on test tasks that they share, and how well their difference is known."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Z95 = 1.96


class Estimated(NamedTuple):
    """A mean, and half the width of its normal 95 % interval over tasks; None where one task does not tell it."""

    mean: float
    half: float | None


def mean_of(values: NDArray[np.float64]) -> Estimated:
    """values: by task."""
    return Estimated(float(values.mean()), _half(values.var(ddof=1) / len(values)) if len(values) > 1 else None)


def paired(values: NDArray[np.float64], own: NDArray[np.float64]) -> Estimated:
    """The mean of values - own, both of the same tasks."""
    return mean_of(values - own)


def nested(values: NDArray[np.float64], count: int, own: int) -> Estimated:
    """The mean over the first `count` tasks less that over the first `own`.

    The longer list holds the shorter one, and only the tasks beyond it are news: with n < N tasks,
    mean_N - mean_n = (1 - n/N) (mean of the N - n others - mean_n), whose two means are independent.
    """
    few, many = sorted((count, own))
    if few == many:
        return Estimated(0.0, 0.0)
    inner, others = values[:few], values[few:many]
    share = 1 - few / many
    difference = share * float(others.mean() - inner.mean()) * (1 if count > own else -1)
    if min(len(inner), len(others)) < 2:
        return Estimated(difference, None)
    variance = share**2 * (inner.var(ddof=1) / len(inner) + others.var(ddof=1) / len(others))
    return Estimated(difference, _half(variance))


def _half(variance: float) -> float:
    return float(Z95 * variance**0.5)
