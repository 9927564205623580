"""How the figures look: colours, line styles, and a logarithmic axis that can show zeros."""

import math
from collections.abc import Iterable, Sequence
from typing import Any, Literal

from matplotlib.axes import Axes

INK, FAINT = "#22262b", "#8b939c"

STYLE: dict[str, Any] = {  # applied for the time of drawing and nowhere else
    "figure.facecolor": "white",
    "font.size": 9.0,
    "text.color": INK,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "axes.titlesize": 10.0,
    "axes.titlelocation": "left",
    "grid.color": "#e4e7ea",
    "grid.linewidth": 0.6,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "lines.linewidth": 1.2,
    "lines.solid_capstyle": "round",
    "legend.frameon": False,
    "legend.fontsize": 8.0,
    "pdf.fonttype": 42,  # text that an editor can edit, as journals ask for
}

DASHES: dict[str, Any] = {
    "weight": "solid",
    "bias": (0, (1, 1.6)),
    "norm": (0, (4, 1.8)),
    "head": (0, (6, 1.5, 1, 1.5)),
}
"""Line style by kind of tensor."""

DEPTH = "viridis"
DEPTH_RANGE = (0.0, 0.88)  # its last yellow cannot be seen on white


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
