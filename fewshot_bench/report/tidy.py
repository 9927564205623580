"""Rows as plain numbers: what `report --format csv` prints."""

import math
from collections.abc import Sequence

import pandas as pd

from fewshot_bench.cells.contents import GRID_AXES
from fewshot_bench.report.paired import Gain
from fewshot_bench.report.published import Published
from fewshot_bench.report.rows import Row

TIDY = (
    *GRID_AXES, "setting", "n", "planned", "seeds", "iterations",
    "mean_accuracy", "std_over_seeds", "ci95_over_tasks_of_one_seed", "ci95_over_seeds_and_tasks", "mean_val_accuracy",
    "paper_mean", "paper_std", "difference_to_paper", "paper_source", "paper_measured_otherwise",
    "untrained_accuracy", "paired_gain", "paired_gain_standard_error", "paired_seeds",
    "split_hash", "pool_hash", "duplicates", "queries", "batch_norm", "rotations",
    "inner_steps_test", "evaluation_tasks", "evaluation_seed", "ensemble",
    "code",
)  # fmt: skip
"""Columns of the tidy table."""


def tidy(rows: Sequence[Row]) -> pd.DataFrame:
    """The rows as numbers, in percent (differences and gains in percentage points); seeds separated by spaces."""
    return pd.DataFrame([_flat(row) for row in rows], columns=list(TIDY)).round(6)


def _flat(row: Row) -> dict[str, object]:
    gain = row.gain or Gain(math.nan, math.nan, 0)
    paper = row.paper or Published(math.nan, math.nan)
    return {
        **{axis: row.group.axes[axis] for axis in GRID_AXES},
        "setting": row.setting,
        "n": row.n,
        "planned": row.group.planned,
        "seeds": " ".join(str(cell.seed) for cell in row.group.cells),
        "iterations": row.group.iterations,
        "mean_accuracy": 100 * row.mean,
        "std_over_seeds": 100 * row.std,
        "ci95_over_tasks_of_one_seed": 100 * row.ci95 if row.n == 1 else math.nan,
        "ci95_over_seeds_and_tasks": 100 * row.ci95 if row.n > 1 else math.nan,
        "mean_val_accuracy": 100 * row.validation,
        "paper_mean": paper.mean,
        "paper_std": paper.std,
        "difference_to_paper": row.difference,
        "paper_source": row.comparison.source if row.comparison else "",
        "paper_measured_otherwise": "; ".join(row.otherwise),
        "untrained_accuracy": 100 * row.untrained,
        "paired_gain": 100 * gain.mean,
        "paired_gain_standard_error": 100 * gain.standard_error,
        "paired_seeds": gain.seeds,
        **row.group.fingerprint,
        "code": " ".join(row.code),
        "duplicates": "; ".join(map(str, row.group.fingerprint.get("duplicates", []))),
    }
