"""Measurements become rows: accuracy by protocol, and how much of a difference the protocol makes by itself."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fewshot_bench.api.differences import Estimated, mean_of, nested, paired
from fewshot_bench.api.loading import TrainedCell
from fewshot_bench.api.measurements import Measured, Measurements
from fewshot_bench.api.protocols import Protocol, own_protocol
from fewshot_bench.api.variations import Variation


class Row(NamedTuple):
    """accuracy, difference (to the cell's own protocol): fractions, None where there is none; reason: why not."""

    variation: Variation
    accuracy: Estimated | None
    difference: Estimated | None
    reason: str


def rows_of(
    trained: TrainedCell,
    variations: Sequence[Variation],
    measured: Measurements,
    failed: Mapping[Protocol, str],
) -> tuple[Row, ...]:
    """A row a variation, in order; those not measured yet are left out."""
    own, count = own_protocol(trained), trained.cell.evaluation.tasks
    base = _accuracies(trained, own, measured[own])
    rows = []
    for one in variations:
        reason = one.reason or failed.get(one.protocol, "")
        values = _accuracies(trained, one.protocol, measured.get(one.protocol, Measured()))
        if reason:
            rows.append(Row(one, None, None, reason))
        elif len(values) >= one.tasks and len(base) >= count:
            same = one.protocol == own and one.tasks == count
            if same:
                difference = None
            elif one.protocol == own:
                difference = nested(values, one.tasks, count)
            else:
                difference = paired(values[:count], base[:count])
            rows.append(Row(one, mean_of(values[: one.tasks]), difference, ""))
    return tuple(rows)


def frame(rows: Sequence[Row]) -> pd.DataFrame:
    """The rows as plain numbers: accuracies and differences in percent, tasks and settings as they are."""
    return pd.DataFrame(
        [
            {
                "factor": row.variation.factor,
                "value": row.variation.value,
                "tasks": row.variation.tasks,
                "queries": row.variation.protocol.queries,
                "batch_norm": row.variation.protocol.batch_norm,
                "ensemble": row.variation.protocol.ensemble,
                "inner_steps": row.variation.protocol.steps,
                "accuracy": _percent(row.accuracy and row.accuracy.mean),
                "ci95": _percent(row.accuracy and row.accuracy.half),
                "difference": _percent(row.difference and row.difference.mean),
                "difference_ci95": _percent(row.difference and row.difference.half),
                "reason": row.reason,
            }
            for row in rows
        ]
    )


def _accuracies(trained: TrainedCell, protocol: Protocol, found: Measured) -> NDArray[np.float64]:
    return np.array(found.right, dtype=np.float64) / (trained.cell.ways * protocol.queries)


def _percent(value: float | None) -> float | None:
    return None if value is None else 100 * value
