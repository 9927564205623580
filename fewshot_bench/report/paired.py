"""A trained network against itself untrained, task by task: what training gained, and how sure that is."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from fewshot_bench.cells.contents import NO_DIFFERENCE
from fewshot_bench.report.accuracies import Accuracies, paired
from fewshot_bench.report.alike import START, key_of, same_start
from fewshot_bench.report.groups import Group, differing

SAME_TASKS = ("split_hash", "pool_hash", "queries", "evaluation_tasks", "evaluation_seed")
"""What has to agree, beside dataset, ways and shots, for two networks to have met the same test tasks."""

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


def paired_gain(ours: Accuracies, untrained: Accuracies) -> Gain | None:
    """The gain over the seeds that both have; None where these are none.

    The seeds share their test tasks, so differences are averaged over seeds first and the standard error is over tasks.
    Raises BenchError where they were tested on different tasks.
    """
    differences = paired(ours, untrained)
    if not len(differences):
        return None
    tasks = differences.mean(axis=0)
    error = float(tasks.std(ddof=1) / np.sqrt(tasks.size)) if tasks.size > 1 else math.nan
    return Gain(float(tasks.mean()), error, len(differences))


def _measured(group: Group) -> str:
    """What twins have in common."""
    return key_of([group.axes, [group.fingerprint.get(key) for key in MEASURED_BY]])


def _settings_that_differ(group: Group, twin: Group) -> list[str]:
    ignored = (*NO_DIFFERENCE, *([START] if same_start(group.cells, twin.cells) else []))
    return [key for key in differing([group.config, twin.config]) if key not in ignored]
