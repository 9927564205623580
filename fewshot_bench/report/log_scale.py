"""A logarithmic axis on which a zero has a place too."""

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
        values: what the axis shows; what is not finite is passed over.
        minor: minor ticks stand at these multiples of a power of ten; None: where matplotlib puts them.
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
    axes.autoscale(axis=which)  # limits that were found by the scale before do not fit
