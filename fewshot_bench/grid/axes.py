"""The axes of a grid: lists that multiply to points, each value checked by itself."""

from collections.abc import Callable
from itertools import product
from typing import Any

from fewshot_bench.backbones import BACKBONES
from fewshot_bench.basics.errors import BenchError
from fewshot_bench.basics.names import did_you_mean, find, unknown
from fewshot_bench.cells.cell import AXES
from fewshot_bench.data.datasets import DATASETS
from fewshot_bench.inner_optimizers import INNER_OPTIMIZERS
from fewshot_bench.learners import LEARNERS

SEAMS: dict[str, dict[str, Callable[..., Any]]] = {
    "learner": LEARNERS,
    "backbone": BACKBONES,
    "inner_optimizer": INNER_OPTIMIZERS,
}
"""The axes whose values are names of code, and the names there are; an import path will do too."""

LOWEST = {"ways": 2, "shots": 1, "seed": 0}

Point = dict[str, Any]
"""A value for each axis."""


def points(table: dict[str, Any], where: str) -> tuple[list[Point], list[str]]:
    """All combinations of the axes in `table`, and a sentence for each fault; with faults the points may be too few.

    An absent `split` is the dataset's first, an absent `seed` is 0; of several splits a dataset takes those it has.
    """
    faults = [
        f"{where}: nothing reads the key {key!r}{did_you_mean(key, AXES)}. Axes: {', '.join(AXES)}."
        for key in table
        if key not in AXES
    ]
    lists: dict[str, list[Any]] = {}
    for axis in AXES:
        values = table.get(axis, [0] if axis == "seed" else [])
        values = values if isinstance(values, list) else [values]
        wrong = [fault for value in values if (fault := _fault(axis, value)) is not None]
        faults += [f"{where}: {fault}" for fault in dict.fromkeys(wrong)]
        if not values and axis != "split":
            faults.append(f"{where}: the axis `{axis}` is missing or empty.")
        lists[axis] = [value for value in values if _fault(axis, value) is None]
    found = []
    for dataset in lists["dataset"]:
        has = DATASETS[dataset].splits
        splits = [split for split in lists["split"] if split in has] if lists["split"] else [has[0]]
        if not splits:
            asked = ", ".join(map(repr, lists["split"]))
            faults.append(f"{where}: {dataset} has none of the splits {asked}. It has: {', '.join(has)}.")
        values = [[dataset], splits, *(lists[axis] for axis in AXES[2:])]
        found += [dict(zip(AXES, combination, strict=True)) for combination in product(*values)]
    return found, faults


def _fault(axis: str, value: Any) -> str | None:
    """What is wrong with one value of an axis, None where nothing is."""
    if axis in LOWEST:
        whole = isinstance(value, int) and not isinstance(value, bool) and LOWEST[axis] <= value < 2**31
        return None if whole else f"`{axis}` is {value!r}, but has to be a whole number, at least {LOWEST[axis]}."
    if not isinstance(value, str):
        return f"`{axis}` is {value!r}, but has to be a text."
    if axis == "dataset" and value not in DATASETS:
        return unknown("dataset", value, DATASETS)
    if axis == "split" and all(value not in dataset.splits for dataset in DATASETS.values()):
        return unknown("split", value, {split for dataset in DATASETS.values() for split in dataset.splits})
    if axis in SEAMS:
        try:
            find(axis.replace("_", " "), value, SEAMS[axis])
        except BenchError as error:
            return str(error)
    return None
