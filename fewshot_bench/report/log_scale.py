"""A logarithmic axis that can show zeros."""

import math
from collections.abc import Iterable, Sequence
from typing import Literal

from matplotlib.axes import Axes


def set_log_scale(
    axes: Axes, which: Literal["x", "y"], values: Iterable[float], minor: Sequence[int] | None = None
) -> None:
    """Makes an axis logarithmic.

    If a value is zero or negative, the scale is linear up to the smallest positive value ("symlog"); if no value is
    positive, it is linear throughout.

    Args:
        values: the values on the axis; those that are not finite are ignored.
        minor: multiples of a power of ten that get minor ticks; None: matplotlib's default.
    """
    known = [value for value in values if math.isfinite(value)]
    positive = [value for value in known if value > 0]
    set_scale = axes.set_xscale if which == "x" else axes.set_yscale
    if not positive:
        set_scale("linear")
    elif len(positive) == len(known):
        set_scale("log", subs=minor)
    else:
        set_scale("symlog", linthresh=min(positive), subs=minor)
    axes.autoscale(axis=which)  # limits chosen for the previous scale do not fit
