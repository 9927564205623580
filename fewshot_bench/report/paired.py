"""A trained network against itself untrained, task by task: what training gained, and how sure that is."""

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fewshot_bench.basics.errors import BenchError
from fewshot_bench.report.by_task import by_task
from fewshot_bench.report.contents import NO_DIFFERENCE
from fewshot_bench.report.groups import Group, differing, key_of
from fewshot_bench.report.reading import Cell

MEASURED_BY = (
    "split_hash", "pool_hash", "queries", "batch_norm", "inner_steps_test", "evaluation_tasks", "evaluation_seed",
)  # fmt: skip
"""What has to agree for two networks to have met the same test tasks in the same way."""


class Gain(NamedTuple):
    """Mean paired difference in test accuracy and its standard error over tasks, as fractions; nan from one task.

    seeds: pairs of seeds that went into it.
    """

    mean: float
    standard_error: float
    seeds: int


Untrained = Mapping[str, Sequence[Group]]
"""The groups of 0 meta-steps, together where they may be twins of the same group."""


def untrained_of(groups: Iterable[Group]) -> Untrained:
    """Where `twin_of` looks for the twin of a group."""
    found: dict[str, list[Group]] = {}
    for group in groups:
        if group.iterations == 0:
            found.setdefault(_measured(group), []).append(group)
    return found


def twin_of(group: Group, untrained: Untrained) -> tuple[Group | None, list[str]]:
    """The group of 0 meta-steps with the same axes and evaluation, and the other settings that differ.

    Of several, the one with the fewest differences; (None, []) where there is none.
    """
    alike = untrained.get(_measured(group), ())
    if not alike or not group.cells:
        return None, []
    twin = min(alike, key=lambda one: len(_settings_that_differ(group, one)))
    return twin, _settings_that_differ(group, twin)


def paired_gains(groups: Sequence[Group], twins: Sequence[Group | None]) -> list[tuple[Gain | None, list[str]]]:
    """`paired_gain` of each group and its twin; (None, []) where it has none. Groups are read side by side."""
    with ThreadPoolExecutor(os.cpu_count()) as threads:  # Parquet is decoded outside of Python's lock
        return list(threads.map(lambda group, twin: paired_gain(group, twin) if twin else (None, []), groups, twins))


def paired_gain(group: Group, twin: Group) -> tuple[Gain | None, list[str]]:
    """The gain over the seeds that both have, and a sentence for each pair that had to be left out.

    The seeds share their test tasks, so differences are averaged over seeds first and the standard error is over tasks.
    """
    untrained = {cell.seed: cell for cell in twin.cells}
    differences, faults = [], []
    for cell in group.cells:
        if cell.seed in untrained:
            try:
                differences.append(_difference(cell, untrained[cell.seed]))
            except BenchError as fault:
                faults.append(f"Not paired: {fault}")
    if not differences:
        return None, faults
    tasks = np.mean(differences, axis=0)
    error = float(tasks.std(ddof=1) / np.sqrt(tasks.size)) if tasks.size > 1 else math.nan
    return Gain(float(tasks.mean()), error, len(differences)), faults


def _measured(group: Group) -> str:
    """What twins have in common."""
    return key_of([group.axes, [group.fingerprint.get(key) for key in MEASURED_BY]])


def _settings_that_differ(group: Group, twin: Group) -> list[str]:
    return [key for key in differing([group.config, twin.config]) if key not in NO_DIFFERENCE]


def _difference(trained: Cell, untrained: Cell) -> NDArray[np.float64]:
    """Test accuracy of one minus the other, by task."""
    ours, theirs = by_task(trained), by_task(untrained)
    if not np.array_equal(ours.tasks, theirs.tasks):
        raise BenchError(f"{trained.name} and {untrained.name} were tested on different tasks.")
    return ours.accuracy - theirs.accuracy
