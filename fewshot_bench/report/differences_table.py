"""The table "Which differences are real"."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from fewshot_bench.basics.counting import counted
from fewshot_bench.report.differences import ALL_PAIRS, MOST, REAL, Compared, compared
from fewshot_bench.report.families import Family, families, labels
from fewshot_bench.report.rows import Row
from fewshot_bench.report.table import Column, Entry, Table
from fewshot_bench.report.two_level import Estimate

ONE_SEED = "One seed: the test covers the draw of test tasks, and says nothing of training again."
BEST = "Best of its block by validation."
BY_TEST = "Test would have chosen this one."

COLUMNS = (
    Column("diff", "right"),
    Column("from", "right", "95 %"),
    Column("to", "right", "95 %"),
    Column("p", "right"),
    Column("Holm", "right"),
    Column("real"),
    Column("n", "right"),
)
"""Of what `numbers` gives."""

_UNDER = (
    "diff: first minus second, percentage points of test accuracy, paired by test task and seed. 95 %: its interval, "
    "by a two-level bootstrap over seeds and test tasks; with one seed over test tasks alone. p: two-sided, Student's "
    "t of the same standard error. Holm: p corrected for all comparisons of the block. real: Holm below 0.05. "
    "n: seeds x test tasks. docs/statistics.md has the formulas."
)
_NONE = Entry("-")


class Differences(NamedTuple):
    """The table, None where there is nothing to compare; and what could not be read."""

    table: Table | None
    remarks: tuple[str, ...]


def differences_table(rows: Sequence[Row]) -> Differences:
    """A block for each family of two rows or more."""
    every = [compared(family) for family in families(rows) if len(family.rows) > 1]
    remarks = tuple(fault for one in every for fault in one.faults)
    shown = [one for one in every if one.differences]
    if not shown:
        return Differences(None, remarks)
    keys = _keys([one.family for one in shown])
    columns = [Column(key, "right" if key in ("nway", "kshot") else "left") for key in keys]
    columns += [Column("first", wrap=True), Column("second", wrap=True), *COLUMNS]
    table = Table(
        name="differences",
        title="Which differences are real: test accuracies compared in pairs, percentage points",
        columns=tuple(columns),
        rows=tuple(line for one in shown for line in _lines(one, keys)),
        keys=len(keys),
        section=len(keys),
        under=(_UNDER, *_chosen(shown)),
    )
    return Differences(table, remarks)


def _keys(shown: Sequence[Family]) -> list[str]:
    """The paper's names for what a block shares; split and batch norm where they tell blocks apart."""
    axes = [family.axes for family in shown]
    splits = {(one["dataset"], one["split"]) for one in axes}
    return [
        "dataset",
        *(["split"] if len(splits) > len({one["dataset"] for one in axes}) else []),
        *("nway", "kshot"),
        *(["batch norm"] if len({family.batch_norm for family in shown}) > 1 else []),
    ]


def _lines(one: Compared, keys: Sequence[str]) -> list[tuple[Entry, ...]]:
    axes = one.family.axes
    values = {"nway": axes["ways"], "kshot": axes["shots"], "batch norm": one.family.batch_norm, **axes}
    place = [Entry(str(values[key])) for key in keys]
    names = {
        id(row): Entry(name, _marks(one.family, row))
        for row, name in zip(one.family.rows, labels(one.family.rows), strict=True)
    }
    return [
        (
            *place,
            names[id(difference.first)],
            names[id(difference.second)],
            *numbers(difference.estimate, difference.corrected),
        )
        for difference in one.differences
    ]


def numbers(estimate: Estimate, corrected: float) -> list[Entry]:
    """A difference, its interval, p, p by Holm, the verdict and the count, as COLUMNS has them."""
    mean, half = estimate.mean, estimate.half_width
    verdict = "-" if math.isnan(corrected) else "yes" if corrected < REAL else "no"
    notes = (ONE_SEED,) if estimate.seeds == 1 else ()
    return [
        points(mean),
        points(mean - half),
        points(mean + half),
        Entry(p_value(estimate.p)),
        Entry(p_value(corrected)),
        Entry(verdict),
        Entry(f"{estimate.seeds} x {estimate.tasks:,}", notes),
    ]


def points(fraction: float) -> Entry:
    """A difference of fractions in percentage points, with its sign but for zero's; a dash where there is none."""
    return _NONE if math.isnan(fraction) else Entry(f"{round(100 * fraction, 2) + 0.0:+.2f}")


def p_value(p: float) -> str:
    """Three decimals, and what is less than that; a dash where nothing could be tested."""
    return "-" if math.isnan(p) else "<0.001" if p < 0.001 else f"{p:.3f}"


def _marks(family: Family, row: Row) -> tuple[str, ...]:
    return (BEST,) if row is family.best else (BY_TEST,) if row is family.by_test else ()


def _chosen(shown: Sequence[Compared]) -> list[str]:
    """How pairs were chosen, where not every pair stands there."""
    if all(len(one.family.rows) <= ALL_PAIRS for one in shown):
        return []
    lines = [
        f"A block of up to {ALL_PAIRS} rows has every pair; in a larger one each row is compared with the best by "
        "validation, in whose choice test had no part."
    ]
    left_out = sum(one.left_out for one in shown)
    if left_out:
        lines[0] += (
            f" Of those at most {MOST} are shown, the next best by validation; left out: {counted(left_out, 'row')}."
        )
    return lines
