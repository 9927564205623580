"""A trained network against itself untrained, task by task: what training gained, and how sure that is."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fewshot_bench.basics.errors import BenchError
from fewshot_bench.report.contents import NO_DIFFERENCE
from fewshot_bench.report.groups import Group, differing
from fewshot_bench.report.parquet import read_parquet
from fewshot_bench.report.reading import Cell

MEASURED_BY = (
    "split_hash", "pool_hash", "queries", "batch_norm", "inner_steps_test", "evaluation_tasks", "evaluation_seed",
)  # fmt: skip
"""What has to agree for two networks to have met the same test tasks in the same way."""

AGREES = 1e-4  # of an accuracy in result.json and the mean of its tasks: they were summed in different orders


class Gain(NamedTuple):
    """Mean paired difference in test accuracy and its standard error over tasks, as fractions; nan from one task.

    seeds: pairs of seeds that went into it.
    """

    mean: float
    standard_error: float
    seeds: int


def twin_of(group: Group, untrained: Sequence[Group]) -> tuple[Group | None, list[str]]:
    """The group of 0 meta-steps with the same axes and evaluation, and the other settings that differ.

    Of several, the one with the fewest differences; (None, []) where there is none.
    """
    alike = [twin for twin in untrained if twin.axes == group.axes and _measured(twin) == _measured(group)]
    if not alike or not group.cells:
        return None, []
    twin = min(alike, key=lambda one: len(_settings_that_differ(group, one)))
    return twin, _settings_that_differ(group, twin)


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


def _measured(group: Group) -> list[Any]:
    return [group.fingerprint.get(key) for key in MEASURED_BY]


def _settings_that_differ(group: Group, twin: Group) -> list[str]:
    return [key for key in differing([group.config, twin.config]) if key not in NO_DIFFERENCE]


def _difference(trained: Cell, untrained: Cell) -> NDArray[np.float64]:
    """Test accuracy of one minus the other, by task."""
    ours, theirs = _test_tasks(trained), _test_tasks(untrained)
    if not np.array_equal(ours.index, theirs.index):
        raise BenchError(f"{trained.name} and {untrained.name} were tested on different tasks.")
    return ours.to_numpy() - theirs.to_numpy()


def _test_tasks(cell: Cell) -> "pd.Series[float]":
    """Test accuracy by task. Raises BenchError where the file is missing, unreadable or of another run."""
    path = cell.folder / "episodes.parquet"
    if not path.is_file():
        raise BenchError(f"{cell.name}: episodes.parquet is missing.")
    rows = read_parquet(path, ("split", "task", "accuracy"))
    rows = rows[rows["split"] == cell.test].sort_values("task")
    accuracy = pd.Series(pd.to_numeric(rows["accuracy"], errors="coerce").to_numpy("float64"), index=rows["task"])
    if not accuracy.index.is_unique or not abs(accuracy.mean() - cell.result["test_accuracy"]) <= AGREES:
        raise BenchError(f"{cell.name}: episodes.parquet does not agree with result.json.")
    return accuracy
