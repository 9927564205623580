"""The standard error of a mean over seeds and tasks (two-level bootstrap, in closed form), and Holm's correction.

Every seed meets the same test tasks, so accuracies are a table [seeds, tasks], and not tasks within seeds: a hard
task is hard for all seeds. A bootstrap of such a table draws rows and columns, so that the tasks are drawn once for
all seeds (the pigeonhole bootstrap: Owen 2007, Annals of Applied Statistics 1, 386-411). Here S - 1 of S seeds and T
- 1 of T tasks are drawn, with replacement, which makes the variance of few draws unbiased (Rao & Wu 1988, JASA 83,
231-241). The variance of a mean over all such draws has a closed form, so no draw is made, and there is no error of
drawing and no seed of it:

    V = var(means of seeds) / S + var(means of tasks) / T + var(what is left) / (S T)

with S - 1, T - 1 and (S - 1)(T - 1) degrees of freedom. On average it is not too small: what is left counts three
times (Owen 2007; no bootstrap of a crossed table is exact: McCullagh 2000, Bernoulli 6, 285-301).

Percentiles of the draws would be far too close together at three seeds, of which there are few different draws. So
the standard error is multiplied by Student's t, with Satterthwaite's degrees of freedom (1946, Biometrics Bulletin 2,
110-114). docs/statistics.md has the coverage by simulation.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

LEVEL = 0.95
"""Of all intervals."""


class MeanEstimate(NamedTuple):
    """A mean of a table [seeds, tasks].

    standard_error: of the mean, both seeds and tasks being draws; with one seed, tasks alone. nan from a single task.
    degrees: of freedom of the standard error.
    """

    mean: float
    standard_error: float
    degrees: float
    seeds: int
    tasks: int

    @property
    def half_width(self) -> float:
        """Half of the 95 % interval; nan from a single task."""
        if self.standard_error == 0:
            return 0.0
        return float(stdtrit(self.degrees, (1 + LEVEL) / 2)) * self.standard_error

    @property
    def p(self) -> float:
        """Two-sided, of a mean that is 0: Student's t of mean / standard_error.

        With one seed this is the paired t-test over tasks. nan if all tasks have the same value, so that nothing can
        be tested; 1 if that value is 0.
        """
        if self.standard_error > 0:
            return 2 * float(stdtr(self.degrees, -abs(self.mean) / self.standard_error))
        return 1.0 if self.mean == 0 else math.nan


def estimate(values: NDArray[np.float64]) -> MeanEstimate:
    """The mean of a table [seeds, tasks] of accuracies, or of paired differences, and how sure it is."""
    seeds, tasks = values.shape
    mean = values.mean()
    by_seed, by_task = values.mean(axis=1) - mean, values.mean(axis=0) - mean
    left = values - mean - by_seed[:, None] - by_task[None, :]
    rounding = (4 * np.finfo(np.float64).eps * np.abs(values).max(initial=0.0)) ** 2
    parts = [
        (float(np.vdot(part, part)) / freedom / size, freedom)
        for part, freedom, size in (
            (by_seed, seeds - 1, seeds),
            (by_task, tasks - 1, tasks),
            (left, (seeds - 1) * (tasks - 1), seeds * tasks),
        )
        if freedom
    ]
    variance = sum(share for share, _ in parts)
    if tasks == 1 or not parts:
        return MeanEstimate(float(mean), math.nan, math.nan, seeds, tasks)
    if variance <= rounding:  # equal values, whose means are not equal to the last bit
        return MeanEstimate(float(mean), 0.0, math.inf, seeds, tasks)
    degrees = variance**2 / sum(share**2 / freedom for share, freedom in parts)
    return MeanEstimate(float(mean), math.sqrt(variance), degrees, seeds, tasks)


def holm(values: Sequence[float]) -> list[float]:
    """The p values of one family, corrected; nan (no test) stays nan and does not count.

    The chance of one false alarm or more is then at most the level, whatever the tests share, as differences to one
    row share that row (Holm 1979, Scandinavian Journal of Statistics 6, 65-70).
    """
    tested = sorted((p, index) for index, p in enumerate(values) if not math.isnan(p))
    corrected, least = list(values), 0.0
    for rank, (p, index) in enumerate(tested):
        least = max(least, min(1.0, (len(tested) - rank) * p))
        corrected[index] = least
    return corrected
