"""The result of `sensitivity` as rows and as a table: accuracy by protocol, and differences with their intervals."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fewshot_bench.api.loading import TrainedCell
from fewshot_bench.api.measuring import Measured, Measurements
from fewshot_bench.api.protocols import Protocol, Variation, own_protocol
from fewshot_bench.basics.counting import counted
from fewshot_bench.report.table import Column, Entry, Table

Z95 = 1.96
NONE = "–"
MEANING = (
    "Accuracy in %, ± half the width of the 95 % interval over test tasks. Differences are to the protocol as tested, "
    "in points: paired by task where only the protocol differs, since all protocols share classes and support images; "
    "between numbers of tasks, of which the longer list holds the shorter, by the tasks that are not shared. It is one "
    "training, so none of this says how far another seed would be off."
)


class MeanCI(NamedTuple):
    """A mean over tasks, and half the width of its normal 95 % interval; None if there are too few tasks."""

    mean: float
    half: float | None


def mean_of(values: NDArray[np.float64]) -> MeanCI:
    """The mean of one value per task."""
    return MeanCI(float(values.mean()), _half(values.var(ddof=1) / len(values)) if len(values) > 1 else None)


def paired(values: NDArray[np.float64], own: NDArray[np.float64]) -> MeanCI:
    """The mean of values - own, paired by task."""
    return mean_of(values - own)


def nested(values: NDArray[np.float64], count: int, own: int) -> MeanCI:
    """The mean over the first `count` tasks less that over the first `own`.

    The longer list contains the shorter one, so only the tasks beyond it add information: with n < N tasks,
    mean_N - mean_n = (1 - n/N) (mean of the N - n others - mean_n), whose two means are independent.
    """
    few, many = sorted((count, own))
    if few == many:
        return MeanCI(0.0, 0.0)
    inner, others = values[:few], values[few:many]
    share = 1 - few / many
    difference = share * float(others.mean() - inner.mean()) * (1 if count > own else -1)
    if min(len(inner), len(others)) < 2:
        return MeanCI(difference, None)
    variance = share**2 * (inner.var(ddof=1) / len(inner) + others.var(ddof=1) / len(others))
    return MeanCI(difference, _half(variance))


def _half(variance: float) -> float:
    return float(Z95 * variance**0.5)


class SensitivityRow(NamedTuple):
    """One protocol. accuracy, difference (to the cell's own): fractions; None if not measured, for the `reason`."""

    variation: Variation
    accuracy: MeanCI | None
    difference: MeanCI | None
    reason: str


def rows_of(
    trained: TrainedCell,
    variations: Sequence[Variation],
    measured: Measurements,
    failed: Mapping[Protocol, str],
) -> tuple[SensitivityRow, ...]:
    """One row per variation, in order; variations that are not measured yet are left out."""
    own, count = own_protocol(trained), trained.cell.evaluation.tasks
    base = _accuracies(trained, own, measured[own])
    rows = []
    for one in variations:
        reason = one.reason or failed.get(one.protocol, "")
        values = _accuracies(trained, one.protocol, measured.get(one.protocol, Measured()))
        if reason:
            rows.append(SensitivityRow(one, None, None, reason))
        elif len(values) >= one.tasks and len(base) >= count:
            same = one.protocol == own and one.tasks == count
            if same:
                difference = None
            elif one.protocol == own:
                difference = nested(values, one.tasks, count)
            else:
                difference = paired(values[:count], base[:count])
            rows.append(SensitivityRow(one, mean_of(values[: one.tasks]), difference, ""))
    return tuple(rows)


def frame(rows: Sequence[SensitivityRow]) -> pd.DataFrame:
    """The rows as a pandas table: accuracies and differences in percent."""
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


def table_of(trained: TrainedCell, rows: Sequence[SensitivityRow]) -> Table:
    """The rows as a formatted table; a protocol that could not be measured has a footnote with the reason."""
    columns = (
        Column("differs in"),
        Column("value"),
        Column("tasks", "right"),
        Column("test accuracy", "right"),
        Column("difference", "right"),
    )
    return Table(
        name="sensitivity",
        title=f"How much is protocol: one network, {trained.cell.id}",
        columns=columns,
        rows=tuple(_entries(row) for row in rows),
        keys=1,
        section=1,
        under=(_own(trained), _recorded(trained, rows), _span(trained, rows), MEANING),
    )


def _entries(row: SensitivityRow) -> tuple[Entry, ...]:
    one = row.variation
    head = Entry(one.factor), Entry(one.value), Entry(f"{one.tasks:,}")
    if row.accuracy is None:
        return (*head, Entry(NONE, (row.reason,)), Entry(""))
    difference = "as tested" if row.difference is None else _points(row.difference, "+.2f")
    return (*head, Entry(_points(row.accuracy, ".2f")), Entry(difference))


def _points(value: MeanCI, form: str) -> str:
    half = "" if value.half is None else f" ± {100 * value.half:.2f}"
    return f"{100 * value.mean:{form}}{half}"


def _own(trained: TrainedCell) -> str:
    cell, own = trained.cell, own_protocol(trained)
    steps = f", {counted(own.steps, 'inner step')}" if trained.learner.traits.inner_loop else ""
    tasks, queries = counted(cell.evaluation.tasks, "task"), counted(own.queries, "query")
    return (
        f"As tested: {cell.dataset} {cell.ways}-way {cell.shots}-shot, {tasks}, {queries} a "
        f"class, {own.batch_norm} batch norm, ensemble of {own.ensemble}{steps}."
    )


def _recorded(trained: TrainedCell, rows: Sequence[SensitivityRow]) -> str:
    """A sentence that says whether the cell's own test was reproduced."""
    recorded, found = trained.result["test_accuracy"], rows[0].accuracy
    if found is not None and abs(found.mean - recorded) < 1e-12:
        return "Its own test comes out as recorded in result.json."
    return f"result.json has {100 * recorded:.2f} for its own test: another device or version computed that."


def _span(trained: TrainedCell, rows: Sequence[SensitivityRow]) -> str:
    """A sentence with the lowest and highest accuracy on the same tasks; other tasks would add chance."""
    count = trained.cell.evaluation.tasks
    found = [
        (row.accuracy.mean, row.variation) for row in rows if row.accuracy is not None and row.variation.tasks == count
    ]
    (low, worst), (high, best) = (pick(found, key=lambda pair: pair[0]) for pick in (min, max))
    return (
        f"The same weights are worth from {100 * low:.2f} ({_named(worst.factor, worst.value)}) to {100 * high:.2f} % "
        f"({_named(best.factor, best.value)}): {100 * (high - low):.2f} points apart by protocol alone."
    )


def _named(factor: str, value: str) -> str:
    return f"{factor} {value}".strip()
