"""Every number here beside the published one: how far apart, and whether that is more than seeds explain."""

import math
from collections.abc import Sequence

from fewshot_bench.report import published
from fewshot_bench.report.ablation import percent
from fewshot_bench.report.comparisons import Comparison
from fewshot_bench.report.doubts import doubts
from fewshot_bench.report.page.keys import key_columns, key_entries
from fewshot_bench.report.protocol import against_paper
from fewshot_bench.report.rows import Row
from fewshot_bench.report.table import Column, Entry, Table

PAPER_SEEDS = 3
"""Seeds behind a std of the paper's Table 2: the caption says so, and the notebook has one column each."""

_STD, _INTERVAL = "std, seeds", "95 %, tasks"
_NONE = Entry("-")
_UNDER = (
    "mean: of the test accuracy over n seeds, in percent. ±: what the column after it says. std, seeds: standard "
    "deviation over seeds (ddof 1). 95 %, tasks: half the interval over the test tasks of one seed; it says nothing of "
    "other seeds. diff: here minus published, in percentage points; none where a footnote says that the published "
    "value was measured otherwise.",
    "z: diff / sqrt(std_here² / n + std_paper² / n_paper), with the std over seeds of both and n_paper = "
    f"{PAPER_SEEDS}. Seeds of one side share their test tasks, whose own error is not in it. A spread of three seeds "
    "is itself uncertain: with three on each side chance passes |z| = 2.8 once in 20 times where both spread alike, "
    "and 4.3 where one of them hardly does (Student's t of 4 and 2 degrees of freedom), not 1.96.",
)


def compared(rows: Sequence[Row]) -> list[Row]:
    """The rows with a number here and a published one."""
    return [row for row in rows if row.n and row.paper and row.comparison]


def against_table(rows: Sequence[Row]) -> Table | None:
    """A line a row of `compared`; None without any."""
    rows = compared(rows)
    if not rows:
        return None
    keys = key_columns(rows)
    columns = [Column(title, wrap=title == "setting") for title in keys]
    columns += [Column("mean", "right", "here"), Column("±", "right", "here"), Column("± is", group="here")]
    columns += [Column("n", "right", "here")]
    columns += [Column("mean", "right", "published"), Column("±", "right", "published")]
    columns += [Column("± is", group="published"), Column("diff", "right"), Column("z", "right")]
    sources = dict.fromkeys(row.comparison for row in rows if row.comparison)
    return Table(
        name="against",
        title="Here and as published",
        columns=tuple(columns),
        rows=tuple((*key_entries(row, keys), *_here(row), *_theirs(row), _z(row)) for row in rows),
        keys=keys.index("task") + 1,
        section=keys.index("task") + 1,
        under=(*_UNDER, *(_source(one, rows) for one in sources)),
    )


def z_score(row: Row) -> tuple[float, str]:
    """The difference over its standard error by seeds, and "" ; or nan, and the sentence why there is none."""
    if row.paper is None or row.comparison is None:
        return math.nan, "Nothing was published for it."
    if row.otherwise:
        return math.nan, "No z: the published value was measured otherwise."
    if not row.comparison.std or math.isnan(row.paper.std):
        return math.nan, "No z: what is published is not a standard deviation over seeds."
    if row.n < 2:
        return math.nan, "No z: one seed has no spread over seeds."
    error = math.sqrt((100 * row.std) ** 2 / row.n + row.paper.std**2 / PAPER_SEEDS)
    return (row.difference / error, "") if error else (math.nan, "No z: neither side has any spread.")


def spread(row: Row) -> tuple[float, str]:
    """Behind ± here: a value in percentage points, and what it is."""
    return (100 * row.ci95, _INTERVAL) if row.n == 1 else (100 * row.std, _STD)


def _here(row: Row) -> list[Entry]:
    value, kind = spread(row)
    return [percent(row.mean), _points(value), Entry(kind), Entry(str(row.n))]


def _theirs(row: Row) -> list[Entry]:
    if row.paper is None or row.comparison is None:
        return [_NONE] * 4
    kind = "" if math.isnan(row.paper.std) else _kind(row.comparison)
    return [
        Entry(f"{row.paper.mean:.2f}", doubts(row)),
        _points(row.paper.std),
        Entry(kind),
        _NONE if math.isnan(row.difference) else Entry(f"{row.difference:+.2f}"),
    ]


def _z(row: Row) -> Entry:
    score, why = z_score(row)
    return Entry("-", (why,)) if why else Entry(f"{score:+.1f}")


def _points(value: float) -> Entry:
    return _NONE if math.isnan(value) else Entry(f"{value:.2f}")


def _kind(comparison: Comparison) -> str:
    """What stands behind the ± of a source, as its `recipe` tells it at more length."""
    if comparison.std:
        return f"{_STD} ({PAPER_SEEDS})"
    return _INTERVAL if "95 % interval" in comparison.recipe else "not stated"


def _source(comparison: Comparison, rows: Sequence[Row]) -> str:
    own = [row for row in rows if row.comparison == comparison]
    budget = against_paper(own) if comparison.source == published.TABLE_2 else ""
    return f"Published for {comparison.learner}: {comparison.source}; {comparison.recipe}. {budget}".rstrip()
