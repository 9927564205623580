"""How configurations learned: validation accuracy against meta-steps, over the seeds that are done."""

import math
import statistics
from collections.abc import Sequence
from typing import NamedTuple

from fewshot_bench.cells.reading import CellFolder
from fewshot_bench.report.groups import Group, grouped, settings
from fewshot_bench.report.page.validations import validated
from fewshot_bench.report.paired import twin_of, untrained_of

POINTS = 60
"""Of a curve; more cannot be told apart in a panel. The last one is always there."""


class Learned(NamedTuple):
    """Mean and std (ddof 1, nan of one seed) over seeds of the validation accuracy, fractions, at each of `steps`.

    The first is of the untrained network, at 0, where the folder holds it. setting: what tells the configuration from
    others of the same axes. seeds: how many went into every point but that first one, which is of `twins` seeds.
    """

    group: Group
    setting: str
    steps: tuple[int, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    seeds: int
    twins: int


def learned(cells: Sequence[CellFolder]) -> list[Learned]:
    """A curve for each trained configuration with a seed that is done, at the meta-steps that all its seeds have."""
    groups = grouped(cells)
    untrained = untrained_of(groups)
    trained = [group for group in groups if group.iterations != 0 and group.cells]
    found = []
    for group, setting in zip(trained, settings(trained), strict=True):
        seeds = [points for cell in group.cells if (points := validated(cell))]
        twin, _ = twin_of(group, untrained)
        own = {cell.seed for cell in group.cells}
        twins = [float(cell.result["val_accuracy"]) for cell in (twin.cells if twin else ()) if cell.seed in own]
        steps = _thinned(sorted(set.intersection(*map(set, seeds)) - {0})) if seeds else []
        values = [twins] * bool(twins) + [[points[step] for points in seeds] for step in steps]
        if steps:
            found.append(
                Learned(
                    group=group,
                    setting=setting,
                    steps=(*([0] if twins else []), *steps),
                    mean=tuple(map(statistics.fmean, values)),
                    std=tuple(statistics.stdev(each) if len(each) > 1 else math.nan for each in values),
                    seeds=len(seeds),
                    twins=len(twins),
                )
            )
    return found


def _thinned(steps: Sequence[int]) -> list[int]:
    """At most POINTS of them, evenly, with the last."""
    if len(steps) <= POINTS:
        return list(steps)
    return [steps[round(place * (len(steps) - 1) / (POINTS - 1))] for place in range(POINTS)]
