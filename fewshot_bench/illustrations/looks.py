"""What the pictures share: colours that the colour-blind can tell apart, and lines that break where theta* jumps."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike, NDArray

from fewshot_bench.illustrations.solution import Jump
from fewshot_bench.report.style import FAINT

BLUE, ORANGE, GREEN = "#0072b2", "#d55e00", "#009e73"  # of the palette of Okabe and Ito (2008)
THETA0 = r"$\theta_0$"


def broken(values: ArrayLike, theta0: ArrayLike, jumps: Sequence[Jump]) -> NDArray[np.float64]:
    """`values` on the grid `theta0`, with a gap at each jump in place of a line across it."""
    out, grid = np.array(values, dtype=np.float64), np.asarray(theta0)
    for jump in jumps:
        out[np.searchsorted(grid, jump.theta0)] = np.nan
    return out


def mark(axes: Axes, jumps: Sequence[Jump]) -> None:
    """A dotted line down the axes at each jump."""
    for jump in jumps:
        axes.axvline(jump.theta0, color=FAINT, linewidth=0.8, linestyle=(0, (1, 2)), zorder=0.5)
