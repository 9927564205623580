"""Untrained twins: the same network after 0 meta-steps, and what training gained over it, task by task."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from fewshot_bench.report.groups import INIT_SEED, UNNOTICED, Group, differing, key_of, same_initial_weights
from fewshot_bench.report.statistics.accuracies import Accuracies, paired

SAME_TASKS = ("split_hash", "pool_hash", "queries", "evaluation_tasks", "evaluation_seed")
"""What has to agree, beside dataset, ways and shots, if two networks were tested on the same tasks."""

MEASURED_BY = (
    "split_hash", "pool_hash", "queries", "batch_norm", "inner_steps_test", "evaluation_tasks", "evaluation_seed",
)  # fmt: skip
"""What has to agree if two networks were tested on the same tasks in the same way."""


class Twin(NamedTuple):
    """The untrained twin of a group, None if there is none, and the settings, other than of training, that differ."""

    group: Group | None = None
    differs: tuple[str, ...] = ()


class Gain(NamedTuple):
    """Mean paired difference in test accuracy and its standard error over tasks, as fractions; nan from one task.

    seeds: pairs of seeds that went into it.
    """

    mean: float
    standard_error: float
    seeds: int


NO_TWIN, NO_GAIN = Twin(), Gain(math.nan, math.nan, 0)


def twins_of(groups: Iterable[Group]) -> dict[int, Twin]:
    """The twin of each trained group, by id of the group: the group of 0 meta-steps with the same axes and evaluation.

    Of several, the one with the fewest differences.
    """
    groups = list(groups)
    untrained: dict[str, list[Group]] = {}
    for group in groups:
        if group.iterations == 0:
            untrained.setdefault(_measured(group), []).append(group)
    return {id(group): _twin(group, untrained) for group in groups if group.iterations != 0}


def paired_gain(ours: Accuracies, untrained: Accuracies) -> Gain | None:
    """The gain over the seeds that both have; None if there are none.

    The seeds share their test tasks, so differences are averaged over seeds first and the standard error is over tasks.
    Raises BenchError if they were tested on different tasks.
    """
    differences = paired(ours, untrained)
    if not len(differences):
        return None
    tasks = differences.mean(axis=0)
    error = float(tasks.std(ddof=1) / np.sqrt(tasks.size)) if tasks.size > 1 else math.nan
    return Gain(float(tasks.mean()), error, len(differences))


def _twin(group: Group, untrained: Mapping[str, Sequence[Group]]) -> Twin:
    candidates = untrained.get(_measured(group), ()) if group.cells else ()
    differences = [(one, _settings_that_differ(group, one)) for one in candidates]
    return Twin(*min(differences, key=lambda pair: len(pair[1]), default=NO_TWIN))


def _measured(group: Group) -> str:
    """What twins have in common, as a key."""
    return key_of([group.axes, [group.fingerprint.get(key) for key in MEASURED_BY]])


def _settings_that_differ(group: Group, twin: Group) -> tuple[str, ...]:
    ignored = (*UNNOTICED, *([INIT_SEED] if same_initial_weights(group.cells, twin.cells) else []))
    return tuple(key for key in differing([group.config, twin.config]) if key not in ignored)
