"""The pictures without noise: theta* against theta_0, its derivative, and two meta-objectives."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fewshot_bench.illustrations.curves import HALF_STEP
from fewshot_bench.illustrations.landscape import inner_objective, loss
from fewshot_bench.illustrations.looks import BLUE, GREEN, ORANGE, THETA0, broken, mark
from fewshot_bench.illustrations.solution import Jump, descend
from fewshot_bench.report.style import FAINT, INK

_SIDES = (0.65, 0.85)  # two theta_0 on the two sides of the third jump
_EVERY = 60  # of the grid's points, so many from one dot to the next
_FLOOR = 1e-17  # stands for 0 on a logarithmic axis


def solution_figure(curves: pd.DataFrame, jumps: Sequence[Jump]) -> Figure:
    """Left, theta*(theta_0) with its jumps; right, the inner objective on the two sides of one."""
    figure = Figure(figsize=(9.6, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot([-3, 3], [-3, 3], color=FAINT, linewidth=0.8, linestyle=(0, (4, 3)))
    left.annotate(r"$\theta^*=\theta_0$", (-2.75, -2.95), color=FAINT, fontsize=8)
    left.plot(curves["theta0"], broken(curves["solution"], curves["theta0"], jumps), color=BLUE, linewidth=1.8)
    for jump in jumps:
        left.plot([jump.theta0] * 2, [jump.before, jump.after], color=ORANGE, linestyle=(0, (1, 1.5)), linewidth=1.4)
        low = (jump.theta0 + 0.1, 0.8 * jump.before + 0.2 * jump.after)  # clear of the diagonal
        left.annotate(f"+{jump.after - jump.before:.2f}", low, color=ORANGE, va="center", fontsize=8)
    left.set(xlabel=THETA0, ylabel=r"$\theta^*(\theta_0)$", xlim=(-3, 3.3))
    left.set_title("Where adaptation ends, and its jumps")
    _landscape(right)
    return figure


def _landscape(axes: Axes) -> None:
    theta = torch.linspace(-1, 2.2, 641, dtype=torch.float64)
    axes.plot(theta, loss(theta), color=FAINT, linestyle=(0, (4, 3)), label=r"$f(\theta)$")
    for theta0, colour, dashes in zip(_SIDES, (BLUE, ORANGE), ("solid", (0, (6, 1.5, 1, 1.5))), strict=True):
        start = torch.tensor(theta0, dtype=torch.float64)
        name = rf"$f(\theta)+\frac{{1}}{{2}}(\theta-{theta0:g})^2$"
        axes.plot(theta, inner_objective(theta, theta0), color=colour, linestyle=dashes, label=name)
        for place, filled in ((start, False), (descend(start, start), True)):
            axes.plot(
                float(place),
                float(inner_objective(place, theta0)),
                marker="o",
                color=colour,
                markerfacecolor=colour if filled else "white",
                zorder=3,
            )
    axes.plot([], [], "o", color=INK, markerfacecolor="white", label="start")
    axes.plot([], [], "o", color=INK, label=r"$\theta^*$")
    axes.set(xlabel=r"$\theta$", ylabel="inner objective")
    axes.set_title("Two sides of a jump")
    axes.legend(loc="upper center")


def derivative_figure(curves: pd.DataFrame, jumps: Sequence[Jump]) -> Figure:
    """Above, d theta*/d theta_0 three ways; below, how far two of them are from the closed form."""
    figure = Figure(figsize=(8.4, 5.4), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    theta0, closed = curves["theta0"], curves["closed_form"]
    differences = f"finite differences, $h$ = {HALF_STEP:g}"
    above.semilogy(theta0, curves["finite_difference"], color=ORANGE, linewidth=1.0, label=differences)
    above.semilogy(theta0, broken(closed, theta0, jumps), color=BLUE, linewidth=2.2, label=r"$1/(1+f''(\theta^*))$")
    dots = slice(_EVERY // 2, None, _EVERY)
    solved = curves["conjugate_gradient"]
    above.semilogy(theta0[dots], solved[dots], "o", color=INK, markersize=3, label="conjugate gradients")
    above.set(ylabel=r"$d\theta^*/d\theta_0$")
    above.set_title("Between jumps all agree; at a jump only finite differences see it")
    above.legend(loc="upper left", bbox_to_anchor=(0.235, 1.0))
    for values, look, points in (
        (curves["finite_difference"], {"color": ORANGE, "linewidth": 1.0}, slice(None)),
        (solved, {"color": INK, "marker": "o", "markersize": 3, "linestyle": "none"}, dots),
    ):
        below.semilogy(theta0[points], np.maximum(abs(values / closed - 1), _FLOOR)[points], **look)
    below.set(xlabel=THETA0, ylabel="relative difference\nfrom the closed form", xlim=(-3, 3))
    for axes in (above, below):
        axes.minorticks_off()
        mark(axes, jumps)
    return figure


def meta_objective_figure(curves: pd.DataFrame, jumps: Sequence[Jump]) -> Figure:
    """Two meta-objectives, and their derivatives below them: closed forms as lines, finite differences as dots."""
    figure = Figure(figsize=(9.6, 5.6), layout="constrained")
    panels = figure.subplots(2, 2, sharex=True)
    titles = (
        r"iMAML: $M=f(\theta^*)$",
        r"Variational: $M=f(\theta^*)+\frac{1}{2}(\theta^*-\theta_0)^2$",
    )
    formulas = (r"$f'(\theta^*)\,/\,(1+f''(\theta^*))$", r"$\theta_0-\theta^*$, minus Reptile's direction")
    theta0, dots = curves["theta0"], slice(_EVERY // 2, None, _EVERY)
    for column, kind in enumerate(("meta", "variational")):
        above, below = panels[:, column]
        above.plot(theta0, broken(curves[f"{kind}_loss"], theta0, jumps), color=BLUE, linewidth=1.8)
        above.set_title(titles[column])
        slopes, differences = broken(curves[f"{kind}_slope"], theta0, jumps), curves[f"{kind}_finite_difference"]
        below.plot(theta0, slopes, color=GREEN, linewidth=1.8, label=formulas[column])
        below.plot(theta0[dots], differences[dots], "o", color=INK, markersize=3, label="finite differences")
        low, high = np.nanmin(slopes), np.nanmax(slopes)
        below.set(xlabel=THETA0, xlim=(-3, 3), ylim=(low - 0.1 * (high - low), high + 0.35 * (high - low)))
        below.legend(loc="upper left", frameon=True, framealpha=1, edgecolor="white")
        for axes in (above, below):
            mark(axes, jumps)
    panels[0, 0].set(ylabel=r"$M(\theta_0)$")
    panels[1, 0].set(ylabel=r"$dM/d\theta_0$")
    return figure
