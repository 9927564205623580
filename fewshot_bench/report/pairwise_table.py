"""The table "Which differences are real": pairs of rows of each family, tested against each other."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from fewshot_bench.basics.counting import counted
from fewshot_bench.report.columns import BATCH_NORM, TASK_AXES, differ
from fewshot_bench.report.groups import Config
from fewshot_bench.report.statistics.estimate import MeanEstimate
from fewshot_bench.report.statistics.families import ALL_PAIRS, MOST, Family, labels
from fewshot_bench.report.table import NONE, Column, Entry, Table, tabulate

ONE_SEED = "One seed: the test covers the draw of test tasks, and says nothing of training again."
BEST = "Best of its block by validation."
BY_TEST = "Test would have chosen this one."

REAL = 0.05
"""The chance of a false alarm among all differences of a family, below which one is called real."""

_UNDER = (
    "diff: first minus second, percentage points of test accuracy, paired by test task and seed. 95 %: its interval, "
    "by a two-level bootstrap over seeds and test tasks; with one seed over test tasks alone. p: two-sided, Student's "
    "t of the same standard error. Holm: p corrected for all comparisons of the block. real: Holm below 0.05. "
    "n: seeds x test tasks. docs/statistics.md has the formulas."
)


def _of_estimate(value: Callable[[MeanEstimate], str | Entry]) -> Callable[[Any], str | Entry]:
    """A dash for an item without an estimate."""
    return lambda item: value(item.estimate) if item.estimate else NONE


def _points(fraction: float) -> Entry:
    """A difference of fractions in percentage points, with its sign but for zero's; a dash for nan."""
    return NONE if math.isnan(fraction) else Entry(f"{round(100 * fraction, 2) + 0.0:+.2f}")


def _p_value(p: float) -> str:
    """Three decimals, or that it is less than 0.001; a dash if nothing could be tested."""
    return "-" if math.isnan(p) else "<0.001" if p < 0.001 else f"{p:.3f}"


def _verdict(item: Any) -> str:
    return "-" if math.isnan(item.corrected) else "yes" if item.corrected < REAL else "no"


def _count(estimate: MeanEstimate) -> Entry:
    return Entry(f"{estimate.seeds} x {estimate.tasks:,}", (ONE_SEED,) if estimate.seeds == 1 else ())


TEST = (
    Column("diff", "right", value=_of_estimate(lambda one: _points(one.mean))),
    Column("from", "right", "95 %", value=_of_estimate(lambda one: _points(one.mean - one.half_width))),
    Column("to", "right", "95 %", value=_of_estimate(lambda one: _points(one.mean + one.half_width))),
    Column("p", "right", value=_of_estimate(lambda one: _p_value(one.p))),
    Column("Holm", "right", value=lambda item: _p_value(item.corrected)),
    Column("real", value=_verdict),
    Column("n", "right", value=_of_estimate(_count)),
)
"""A paired test: of items with `estimate`, None if they cannot be paired, and `corrected`, p by Holm or nan."""


class _Pair(NamedTuple):
    """Two rows of a family, with their names, and their test."""

    axes: Config
    batch_norm: str
    first: Entry
    second: Entry
    estimate: MeanEstimate
    corrected: float


_KEYS = (*TASK_AXES, BATCH_NORM._replace(shown=differ(lambda pair: pair.batch_norm)))
"""What a family shares, as the paper calls it."""

_COLUMNS = (
    *_KEYS,
    Column("first", wrap=True, value=lambda pair: pair.first),
    Column("second", wrap=True, value=lambda pair: pair.second),
    *TEST,
)


def pairwise_table(families: Sequence[Family]) -> Table | None:
    """A block for each family with differences; None without any."""
    pairs = [pair for family in families for pair in _pairs(family)]
    if not pairs:
        return None
    title = "Which differences are real: test accuracies compared in pairs, percentage points"
    under = (_UNDER, *_choice_of_pairs([family for family in families if family.differences]))
    return tabulate("differences", title, _COLUMNS, pairs, keys=_KEYS, under=under)


def _pairs(family: Family) -> Iterator[_Pair]:
    marks = {id(family.by_test): (BY_TEST,), id(family.best): (BEST,)}
    names = {
        id(row): Entry(name, marks.get(id(row), ())) for row, name in zip(family.rows, labels(family.rows), strict=True)
    }
    for one in family.differences:
        yield _Pair(
            family.axes, family.batch_norm, names[id(one.first)], names[id(one.second)], one.estimate, one.corrected
        )


def _choice_of_pairs(families: Sequence[Family]) -> list[str]:
    """How pairs were chosen, if not every pair is in the table."""
    if all(len(family.rows) <= ALL_PAIRS for family in families):
        return []
    line = (
        f"A block of up to {ALL_PAIRS} rows has every pair; in a larger one each row is compared with the best by "
        "validation, in whose choice test had no part."
    )
    left_out = sum(family.left_out for family in families)
    if left_out:
        line += (
            f" Of those at most {MOST} are shown, the next best by validation; left out: {counted(left_out, 'row')}."
        )
    return [line]
