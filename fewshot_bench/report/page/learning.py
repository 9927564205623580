"""The section on learning curves: validation accuracy against meta-steps, over the seeds that are done.

A block for each task and learner, in it a panel for each network and a line for each inner optimizer.
"""

import math
import statistics
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from fewshot_bench.basics.counting import counted
from fewshot_bench.cells.contents import is_regression
from fewshot_bench.report.groups import Group, settings
from fewshot_bench.report.names import optimizer, short, task, with_commas
from fewshot_bench.report.page.drawing import Frame, Key, Mark, Panel, across, axes, band, dot, line, ticks
from fewshot_bench.report.records import validations
from fewshot_bench.report.statistics.twins import twins_of

POINTS = 60
"""Of a curve; more cannot be told apart in a panel. The last one is always there."""


LOOKS = 8
"""Colours of lines; a ninth line takes the first again, with dashes."""

_DOTS = 20  # a line of more points is drawn without them


class LearnedCurve(NamedTuple):
    """Mean and std (ddof 1, nan of one seed) over seeds of the validation accuracy, fractions, at each of `steps`.

    Of regression, the mean squared error in its place.

    The first is of the untrained network, at 0, if the folder holds it. setting: what tells the configuration from
    others of the same axes. seeds: how many went into every point but that first one, which is of `twins` seeds.
    """

    group: Group
    setting: str
    steps: tuple[int, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    seeds: int
    twins: int

    @property
    def of_errors(self) -> bool:
        """Whether the values are mean squared errors, not accuracies."""
        return is_regression(self.group.fingerprint)

    def worded(self, value: float, decimals: int) -> str:
        """A value as readers see it: in percent, or an error with four digits."""
        return f"MSE {value:.4g}" if self.of_errors else f"{100 * value:.{decimals}f} %"


def learned(groups: Sequence[Group]) -> list[LearnedCurve]:
    """A curve for each trained configuration with a seed that is done, at the meta-steps that all its seeds have."""
    groups = [group for group in groups if group.first_test]
    twins = twins_of(groups)
    trained = [group for group in groups if group.iterations != 0 and group.cells]
    found = []
    for group, setting in zip(trained, settings(trained), strict=True):
        seeds = [points for cell in group.cells if (points := validations(cell))]
        twin = twins[id(group)].group
        own = {cell.seed for cell in group.cells}
        untrained = [float(cell.result["val_accuracy"]) for cell in (twin.cells if twin else ()) if cell.seed in own]
        steps = _thinned(sorted(set.intersection(*map(set, seeds)) - {0})) if seeds else []
        sign = -1 if is_regression(group.fingerprint) else 1  # the score of regression is minus the squared error
        values = [untrained] * bool(untrained) + [[points[step] for points in seeds] for step in steps]
        values = [[sign * value for value in each] for each in values]
        if steps:
            found.append(
                LearnedCurve(
                    group=group,
                    setting=setting,
                    steps=(*([0] if untrained else []), *steps),
                    mean=tuple(map(statistics.fmean, values)),
                    std=tuple(statistics.stdev(each) if len(each) > 1 else math.nan for each in values),
                    seeds=len(seeds),
                    twins=len(untrained),
                )
            )
    return found


def _thinned(steps: Sequence[int]) -> list[int]:
    """At most POINTS of them, evenly, with the last."""
    if len(steps) <= POINTS:
        return list(steps)
    return [steps[round(place * (len(steps) - 1) / (POINTS - 1))] for place in range(POINTS)]


class PanelBlock(NamedTuple):
    """Panels under one heading, drawn to one scale, and what their colours mean."""

    title: str
    keys: tuple[Key, ...]
    panels: tuple[Panel, ...]


def blocks(curves: Sequence[LearnedCurve]) -> list[PanelBlock]:
    """In the order of the curves; a line's colour is the same in all blocks."""
    looks = {name: _look(place) for place, name in enumerate(dict.fromkeys(map(_name, curves)))}
    by_block: dict[tuple[str, str, str], list[LearnedCurve]] = {}
    for curve in curves:
        by_block.setdefault(_block(curve), []).append(curve)
    several_splits = {task: len({key[2] for key in by_block if key[0] == task}) > 1 for task, _, _ in by_block}
    found = []
    for (task_, learner, split), members in by_block.items():
        title = with_commas(task_, learner, f"split {split}" if several_splits[task_] else "")
        names = dict.fromkeys(map(_name, members))
        keys = [Key(name, looks[name]) for name in names]
        found.append(PanelBlock(title, tuple(keys), tuple(_panels(members, looks))))
    return found


def _panels(members: Sequence[LearnedCurve], looks: dict[str, str]) -> Iterable[Panel]:
    limits = _limits(members)
    by_network: dict[str, list[LearnedCurve]] = {}
    for curve in members:
        by_network.setdefault(str(curve.group.axes["backbone"]), []).append(curve)
    for network, curves in by_network.items():
        yield _panel(network, curves, looks, limits)


def _panel(network: str, curves: Sequence[LearnedCurve], looks: dict[str, str], limits: tuple[float, float]) -> Panel:
    last = max(curve.steps[-1] for curve in curves)
    frame = Frame(x=(0.0, float(last)), y=limits)
    marks, labels = axes(
        frame,
        [(value, short(value)) for value in ticks(0, last, 4)],
        [(value, f"{value:g}" if curves[0].of_errors else f"{100 * value:g}") for value in ticks(*limits)],
        "meta-steps",
    )
    chance = 1 / curves[0].group.axes["ways"]
    if limits[0] <= chance and not curves[0].of_errors:
        marks.append(Mark(across(frame, chance), "chance", says=f"chance, {100 * chance:.3g} %"))
    for curve in curves:
        marks += _curve(frame, curve, looks[_name(curve)])
    words = "; ".join(_in_words(curve) for curve in curves)
    seeds = sorted({curve.seeds for curve in curves})
    n = f"{seeds[0]} to {seeds[-1]}" if len(seeds) > 1 else str(seeds[0])
    return Panel(f"{network}, n = {n}", f"{network}: {words}.", frame.width, frame.height, tuple(marks), tuple(labels))


def _curve(frame: Frame, curve: LearnedCurve, look: str) -> list[Mark]:
    low = [mean - std for mean, std in zip(curve.mean, curve.std, strict=True)]
    high = [mean + std for mean, std in zip(curve.mean, curve.std, strict=True)]
    held = [[min(max(value, frame.y[0]), frame.y[1]) for value in edge] for edge in (low, high)]
    marks = [
        Mark(band(frame, curve.steps, *held), f"band {look}"),
        Mark(line(frame, curve.steps, curve.mean), f"line {look}", says=_in_words(curve)),
    ]
    if len(curve.steps) <= _DOTS:
        points = zip(curve.steps, curve.mean, curve.std, strict=True)
        marks += [
            Mark(dot(frame, step, mean), f"dot {look}", says=_point(curve, step, mean, std))
            for step, mean, std in points
        ]
    return [mark for mark in marks if mark.path]


def _limits(curves: Sequence[LearnedCurve]) -> tuple[float, float]:
    """All lines and bands, with some air, within [0, 1]; errors have no upper end."""
    pairs = [
        (mean, 0.0 if math.isnan(std) else std) for one in curves for mean, std in zip(one.mean, one.std, strict=True)
    ]
    low, high = min(mean - std for mean, std in pairs), max(mean + std for mean, std in pairs)
    air = max(0.05 * (high - low), 0.002)
    return max(0.0, low - air), high + air if curves[0].of_errors else min(1.0, high + air)


def _block(curve: LearnedCurve) -> tuple[str, str, str]:
    axes = curve.group.axes
    return task(axes), str(axes["learner"]), str(axes["split"])


def _name(curve: LearnedCurve) -> str:
    return with_commas(optimizer(curve.group.axes), curve.setting)


def _look(place: int) -> str:
    return f"s{place % LOOKS}" + (" dashed" if place >= LOOKS else "")


def _point(curve: LearnedCurve, step: int, mean: float, std: float) -> str:
    spread = "" if math.isnan(std) else f" ± {std:.2g}" if curve.of_errors else f" ± {100 * std:.2f}"
    return f"{counted(step, 'meta-step')}: {curve.worded(mean, 2)}{spread}"


def _in_words(curve: LearnedCurve) -> str:
    first = f"untrained {curve.worded(curve.mean[0], 1)}, " if curve.twins else ""
    end = f"{curve.worded(curve.mean[-1], 1)} after {counted(curve.steps[-1], 'meta-step')}"
    return f"{_name(curve)}, {counted(curve.seeds, 'seed')}: {first}{end}"
