"""Logarithmic axes: every value that is drawn has a place in sight, zero too, and matplotlib warns of nothing."""

import math

import pytest
from matplotlib.figure import Figure

from fewshot_bench.report.style import set_log_scale


@pytest.mark.parametrize("which", ["x", "y"])
@pytest.mark.parametrize(
    ("values", "scale"),
    [
        ([0.1, 20.0], "log"),
        ([0.1, math.nan, math.inf, 20.0], "log"),
        ([0.0, 0.25, 900.0], "symlog"),
        ([-0.5, 0.25, 900.0], "symlog"),
        ([0.0, 0.0], "linear"),
        ([-0.5], "linear"),
        ([math.nan], "linear"),
        ([], "linear"),
    ],
)
def test_every_value_has_a_place(values, scale, which):
    figure = Figure()
    axes = figure.subplots()
    others = range(1, len(values) + 1)
    axes.plot(*((values, others) if which == "x" else (others, values)))
    other = "y" if which == "x" else "x"
    set_log_scale(axes, other, others)  # the other axis first, so that limits are known
    set_log_scale(axes, which, values)
    figure.draw_without_rendering()
    assert getattr(axes, f"get_{which}scale")() == scale
    low, high = getattr(axes, f"get_{which}lim")()
    assert all(low < value < high for value in values if math.isfinite(value))
    if scale == "symlog" and min(values) == 0:
        ticks = getattr(axes, f"get_{which}ticks")()
        assert 0 in ticks
        assert low > -0.25  # nearly nothing of what is below zero
