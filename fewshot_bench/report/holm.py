"""Several tests at once: Holm's correction."""

import math
from collections.abc import Sequence


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
