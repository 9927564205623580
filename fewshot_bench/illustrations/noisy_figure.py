"""The picture with noise: stochastic meta-objectives, and what estimators make of their derivative."""

from collections.abc import Sequence

import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fewshot_bench.illustrations.looks import BLUE, GREEN, ORANGE, THETA0, broken
from fewshot_bench.illustrations.noisy_tables import NAMES, POINTS
from fewshot_bench.illustrations.solution import Jump
from fewshot_bench.report.style import DEPTH, DEPTH_RANGE, FAINT, INK

_LOOKS = {
    "finite_differences": (INK, "s"),
    "score_and_edges": (BLUE, "D"),
    "score": (BLUE, "o"),
    "implicit": (GREEN, "^"),
    "pathwise": (ORANGE, "v"),
}
"""Colour and marker, in the order from the top of a group to its bottom."""

_OPEN = {"score_and_edges"}


def noisy_figure(
    stochastic: pd.DataFrame, estimators: pd.DataFrame, curves: pd.DataFrame, jumps: Sequence[Jump]
) -> Figure:
    """Left, M_sigma(theta_0) by Monte Carlo; right, its derivative at POINTS with bars of two standard errors."""
    figure = Figure(figsize=(10.4, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.1, 1))
    without = broken(curves["meta_loss"], curves["theta0"], jumps)
    left.plot(curves["theta0"], without, color=INK, linewidth=0.9, label=r"$\sigma$ = 0")
    sigmas = stochastic["sigma"].unique()
    low, high = DEPTH_RANGE
    for place, sigma in enumerate(sigmas):
        part = stochastic[stochastic["sigma"] == sigma]
        shade = colormaps[DEPTH](low + (high - low) * place / max(len(sigmas) - 1, 1))
        left.plot(part["theta0"], part["meta_loss"], color=shade, linewidth=1.8, label=rf"$\sigma$ = {sigma:g}")
        where = part[[(sigma, round(theta0, 6)) in POINTS for theta0 in part["theta0"]]]
        left.plot(where["theta0"], where["meta_loss"], "o", color=shade, markeredgecolor=INK, zorder=3)
    left.set(xlabel=THETA0, ylabel=r"$M_\sigma(\theta_0)$", xlim=(-3, 3))
    left.set_title("The stochastic meta-objective")
    left.legend(loc="upper left", bbox_to_anchor=(0.02, 1.0))
    _estimators(right, estimators)
    return figure


def _estimators(axes: Axes, table: pd.DataFrame) -> None:
    exact = table[table["estimator"] == "exact"]["value"]
    places = range(len(exact))
    axes.vlines(
        exact,
        [at - 0.42 for at in places],
        [at + 0.42 for at in places],
        color=INK,
        linewidth=0.9,
        label=NAMES["exact"],
    )
    for offset, (name, (colour, marker)) in enumerate(_LOOKS.items()):
        rows = table[table["estimator"] == name]
        axes.errorbar(
            rows["value"],
            [place + 0.15 * (offset - 2) for place in range(len(rows))],
            xerr=2 * rows["standard_error"],
            fmt=marker,
            color=colour,
            markerfacecolor="white" if name in _OPEN else colour,
            markersize=4.5,
            capsize=2,
            label=NAMES[name],
        )
    axes.axvline(0, color=FAINT, linewidth=0.7)
    names = [rf"$\sigma={sigma:g}$" + "\n" + rf"$\theta_0={theta0:g}$" for sigma, theta0 in POINTS]
    axes.set_yticks(range(len(POINTS)), names)
    axes.grid(axis="y", visible=False)
    axes.invert_yaxis()
    axes.set(xlabel=r"$dM_\sigma/d\theta_0$, bars of 2 standard errors")
    axes.set_title("Its derivative where the dots are")
    axes.legend(loc="lower right")
