"""Groups of seeds as rows of numbers: mean, spread, the paper's value, the untrained value, the paired gain."""

import math
import statistics
from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd

from fewshot_bench.report.comparisons import Comparison, beside
from fewshot_bench.report.contents import AXES
from fewshot_bench.report.groups import Group, grouped, settings
from fewshot_bench.report.measured import measured
from fewshot_bench.report.paired import Gain, paired_gains, twin_of, untrained_of
from fewshot_bench.report.published import Published
from fewshot_bench.report.reading import Cell

TIDY = (
    *AXES, "setting", "n", "planned", "seeds", "iterations",
    "mean_accuracy", "std_over_seeds", "ci95_over_tasks_of_one_seed", "mean_val_accuracy",
    "paper_mean", "paper_std", "difference_to_paper", "paper_source",
    "untrained_accuracy", "paired_gain", "paired_gain_standard_error", "paired_seeds",
    "split_hash", "pool_hash", "duplicates", "queries", "batch_norm", "rotations",
    "inner_steps_test", "evaluation_tasks", "evaluation_seed", "ensemble",
)  # fmt: skip
"""Columns of the tidy table."""


class Row(NamedTuple):
    """One configuration. Accuracies are fractions; the paper's stay in percent, as printed. nan where there is none.

    paper, comparison: the published value beside it and what that is an instance of.
    setting: what tells the row from others of the same axes. std: over seeds, ddof 1, nan for one seed.
    ci95: 95 % half-width over the test tasks of the only seed, nan for several. untrained: mean of the twin's seeds;
    twin_differs: settings, other than of training, in which the twin is another.
    """

    group: Group
    setting: str
    mean: float
    std: float
    ci95: float
    validation: float
    paper: Published | None
    comparison: Comparison | None
    untrained: float
    twin_differs: tuple[str, ...]
    gain: Gain | None

    @property
    def n(self) -> int:
        """Seeds done."""
        return len(self.group.cells)

    @property
    def batch_norm(self) -> str:
        """How queries were normalised; empty where no seed is done."""
        return str(self.group.fingerprint.get("batch_norm", ""))

    @property
    def difference(self) -> float:
        """Here minus paper, in percentage points; nan where the paper has no value."""
        return 100 * self.mean - self.paper.mean if self.paper else math.nan


def rows_of(cells: Sequence[Cell]) -> tuple[list[Row], list[str]]:
    """A row for each configuration in the order of the paper's table, and sentences on what could not be used.

    Untrained twins stand in their trained counterpart's row; one without counterpart has a row of its own.
    """
    groups = grouped(measured(cells))
    untrained = untrained_of(groups)
    twins = {id(group): twin_of(group, untrained) for group in groups if group.iterations != 0}
    used = {id(twin) for twin, _ in twins.values()}
    shown = sorted((group for group in groups if id(group) not in used), key=_place)
    beside_them = [twins.get(id(group), (None, [])) for group in shown]
    gains = paired_gains(shown, [twin for twin, _ in beside_them])
    faults: list[str] = []
    rows = []
    for group, setting, (twin, differences), (gain, wrong) in zip(
        shown, settings(shown), beside_them, gains, strict=True
    ):
        faults += wrong
        if group.iterations == 0 and "iterations=0" not in setting:
            setting = ", ".join(filter(None, (setting, "untrained")))
        row = _row(group, setting, twin)
        rows.append(row._replace(twin_differs=tuple(differences), gain=gain))
    return rows, faults


def tidy(rows: Sequence[Row]) -> pd.DataFrame:
    """The rows as numbers, in percent (differences and gains in percentage points); seeds separated by spaces."""
    return pd.DataFrame([_flat(row) for row in rows], columns=list(TIDY)).round(6)


def _row(group: Group, setting: str, twin: Group | None) -> Row:
    accuracies = [cell.result["test_accuracy"] for cell in group.cells]
    validations = [cell.result["val_accuracy"] for cell in group.cells]
    alone = len(accuracies) == 1
    found = beside(group.axes, str(group.fingerprint.get("batch_norm", "transductive")))
    return Row(
        group=group,
        setting=setting,
        mean=_mean(accuracies),
        std=statistics.stdev(accuracies) if len(accuracies) > 1 else math.nan,
        ci95=group.cells[0].result["test_ci95"] if alone else math.nan,
        validation=_mean(validations),
        paper=found and found.value,
        comparison=found and found.comparison,
        untrained=_mean([cell.result["test_accuracy"] for cell in twin.cells]) if twin else math.nan,
        twin_differs=(),
        gain=None,
    )


def _flat(row: Row) -> dict[str, object]:
    gain = row.gain or Gain(math.nan, math.nan, 0)
    paper = row.paper or Published(math.nan, math.nan)
    return {
        **{axis: row.group.axes[axis] for axis in AXES},
        "setting": row.setting,
        "n": row.n,
        "planned": row.group.planned,
        "seeds": " ".join(str(cell.seed) for cell in row.group.cells),
        "iterations": row.group.iterations,
        "mean_accuracy": 100 * row.mean,
        "std_over_seeds": 100 * row.std,
        "ci95_over_tasks_of_one_seed": 100 * row.ci95,
        "mean_val_accuracy": 100 * row.validation,
        "paper_mean": paper.mean,
        "paper_std": paper.std,
        "difference_to_paper": row.difference,
        "paper_source": row.comparison.source if row.comparison else "",
        "untrained_accuracy": 100 * row.untrained,
        "paired_gain": 100 * gain.mean,
        "paired_gain_standard_error": 100 * gain.standard_error,
        "paired_seeds": gain.seeds,
        **row.group.fingerprint,
        "duplicates": "; ".join(map(str, row.group.fingerprint.get("duplicates", []))),
    }


def _mean(values: Sequence[float]) -> float:
    return statistics.fmean(values) if values else math.nan


def _place(group: Group) -> tuple[object, ...]:
    """By learner and the paper's columns: models alphabetical, Adam before SGD, which is alphabetical too."""
    axes = group.axes
    order = ("learner", "dataset", "split", "ways", "shots", "backbone", "inner_optimizer")
    words = tuple(axes[key].lower() if isinstance(axes[key], str) else axes[key] for key in order)
    return (*words, group.iterations or 0, sorted((key, str(value)) for key, value in group.config.items()))
