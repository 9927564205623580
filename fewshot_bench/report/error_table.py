"""The table of regression: mean squared errors, where other tables have accuracies."""

from collections.abc import Callable, Sequence
from typing import Any

from fewshot_bench.report.columns import BLOCK, KEYS, MEASURED, PROTOCOL, has_twin
from fewshot_bench.report.protocol import protocol
from fewshot_bench.report.rows import Row
from fewshot_bench.report.table import Column, Table, explanations, number, tabulate


def error_table(rows: Sequence[Row]) -> Table | None:
    """The mean squared errors of regression, beside the untrained network's; None without rows."""
    if not rows:
        return None
    return tabulate(
        "errors",
        "Mean squared error on test tasks",
        ERROR_COLUMNS,
        rows,
        keys=KEYS,
        section=BLOCK,
        under=(*explanations(ERROR_COLUMNS, rows), *protocol(rows)),
    )


def _error(title: str, of_row: Callable[[Row], float], explanation: str, **more: Any) -> Column:
    """A column of squared errors. of_row: minus the error, as scores are; nan for none."""
    return Column(
        title,
        "right",
        value=lambda row: number(abs(of_row(row)), ".4g"),
        explanation=explanation,
        **more,
    )


_N = next(column for column in MEASURED if column.title == "n")

ERROR_COLUMNS = (
    *KEYS,
    _error(
        "MSE",
        lambda row: row.mean,
        "MSE: mean squared error over the query points of the test tasks, mean over n seeds.",
        csv={"mean_squared_error": lambda row: -row.mean},
    ),
    _error(
        "std",
        lambda row: row.std,
        "std: over these seeds (ddof 1).",
        csv={"std_of_error_over_seeds": lambda row: row.std},
    ),
    _error(
        "ci95",
        lambda row: row.ci95,
        "ci95: half the width of the 95 % interval of the mean.",
        csv={"ci95_of_error": lambda row: row.ci95},
    ),
    _N,
    _error(
        "untrained",
        lambda row: row.untrained,
        "untrained: the same learner and network after 0 meta-steps.",
        shown=has_twin,
        csv={"untrained_squared_error": lambda row: -row.untrained},
    ),
    *PROTOCOL,
)
"""Of rows of regression, whose `mean` is minus the mean squared error."""
