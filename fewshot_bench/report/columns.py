"""The columns of the results: each an object, from which every format follows (docs/adding-a-column.md).

`COLUMNS` is the list. Tables show those that their rows need, in this order; the CSV has all that have a name there.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from fewshot_bench.basics.counting import counted
from fewshot_bench.report.names import TO, model, optimizer, task
from fewshot_bench.report.protocol import against_paper
from fewshot_bench.report.published import TABLE_2
from fewshot_bench.report.rows import Row
from fewshot_bench.report.statistics.twins import NO_GAIN
from fewshot_bench.report.table import NONE, Column, Entry, csv_columns, number, percent

Rows = Sequence[Row]


def tidy(rows: Rows, columns: Sequence[Column] | None = None) -> pd.DataFrame:
    """The rows as plain numbers, in percent (differences and gains in percentage points): `report --format csv`.

    columns: those of the rows; None: those of accuracies.
    """
    fields = csv_columns(COLUMNS if columns is None else columns)
    data = [{name: value(row) for name, value in fields.items()} for row in rows]
    return pd.DataFrame(data, columns=list(fields)).round(6)


def differ(key: Callable[[Any], object]) -> Callable[[Sequence[Any]], bool]:
    """A column's condition: whether items differ in it."""
    return lambda items: len({key(item) for item in items}) > 1


def _csv_only(**fields: Callable[[Row], object]) -> Column:
    return Column("", shown=lambda rows: False, csv=fields)


def _axis(title: str, axis: str, shown: Callable[[Sequence[Any]], bool] = bool) -> Column:
    """An axis of the grid, of items that have `axes`."""

    def value(item: Any) -> object:
        return item.axes[axis]

    return Column(title, value=lambda item: str(value(item)), shown=shown, csv={axis: value})


def _splits_differ(items: Sequence[Any]) -> bool:
    """Whether a dataset occurs with several splits."""
    places = {(item.axes["dataset"], item.axes["split"]) for item in items}
    return len(places) > len({dataset for dataset, _ in places})


LEARNER = _axis("learner", "learner", differ(lambda row: row.axes["learner"]))
TASK = Column("task", value=lambda row: task(row.axes))
MODEL = Column("model", value=lambda row: model(row.axes))
BATCH_NORM = Column(
    "batch norm",
    value=lambda row: row.batch_norm,
    shown=lambda rows: len({row.batch_norm for row in rows if row.n}) > 1,
    csv={"batch_norm": lambda row: row.group.fingerprint.get("batch_norm", math.nan)},
    csv_after="queries",
)
SETTING = Column(
    "setting",
    wrap=True,
    value=lambda row: row.setting,
    shown=lambda rows: any(row.setting for row in rows),
    csv={"setting": lambda row: row.setting},
)


def _datasets(item: Any) -> list[str]:
    """The dataset of training, and the one of the test if it is another."""
    return str(item.axes["dataset"]).split(TO)


SHORT_KEYS = (LEARNER, TASK, MODEL, BATCH_NORM, SETTING)
"""Which configuration a row is, in few columns; the first two open a new block of rows."""

TASK_AXES = (
    _axis("dataset", "dataset")._replace(value=lambda item: _datasets(item)[0]),
    Column(
        "tested on",
        value=lambda item: _datasets(item)[-1],
        shown=lambda items: any(len(_datasets(item)) > 1 for item in items),
    ),
    _axis("split", "split", _splits_differ),
    _axis("nway", "ways")._replace(align="right"),
    _axis("kshot", "shots")._replace(align="right"),
)
"""What a task is, of items that have `axes`."""

BLOCK = (LEARNER, *TASK_AXES)
"""Columns whose change opens a new block of rows."""

KEYS = (
    *BLOCK,
    _axis("model", "backbone"),
    _axis("inner_optim", "inner_optimizer")._replace(value=lambda row: optimizer(row.axes)),
    BATCH_NORM,
    SETTING,
)
"""Which configuration a row is."""


def _count(row: Row) -> str:
    return str(row.n) if row.n == row.group.planned else f"{row.n}/{row.group.planned}"


def _intervals(rows: Rows) -> str:
    """What the intervals of these rows are over."""
    words = {
        True: "over the test tasks where n is 1",
        False: "over seeds and test tasks (two-level bootstrap) where there are several",
    }
    kinds = sorted({row.n == 1 for row in rows if not math.isnan(row.ci95)}, reverse=True)
    return f"ci95: half the width of the 95 % interval of the mean, {' and '.join(words[alone] for alone in kinds)}."


MEASURED = (
    Column(
        "mean acc",
        "right",
        value=lambda row: percent(row.mean)._replace(notes=(*row.chosen, *row.code)),
        explanation="mean acc: mean over n seeds of the test accuracy.",
        csv={"mean_accuracy": lambda row: 100 * row.mean},
    ),
    Column(
        "std",
        "right",
        value=lambda row: percent(row.std),
        explanation="std: over these seeds (ddof 1).",
        csv={"std_over_seeds": lambda row: 100 * row.std},
    ),
    Column(
        "ci95",
        "right",
        value=lambda row: percent(row.ci95),
        shown=lambda rows: any(not math.isnan(row.ci95) for row in rows),
        explanation=_intervals,
        csv={
            "ci95_over_tasks_of_one_seed": lambda row: 100 * row.ci95 if row.n == 1 else math.nan,
            "ci95_over_seeds_and_tasks": lambda row: 100 * row.ci95 if row.n > 1 else math.nan,
        },
    ),
    Column(
        "n",
        "right",
        value=_count,
        csv={
            "n": lambda row: row.n,
            "planned": lambda row: row.group.planned,
            "seeds": lambda row: " ".join(str(cell.seed) for cell in row.group.cells),
            "iterations": lambda row: row.group.iterations,
        },
        csv_after="setting",
    ),
    _csv_only(mean_val_accuracy=lambda row: 100 * row.validation),
)
"""What was measured here."""


def _has_paper(rows: Rows) -> bool:
    return any(row.paper for row in rows)


def _all_std(rows: Rows) -> bool:
    """Whether every published spread is a standard deviation over seeds."""
    return all(row.source.std for row in rows if row.source)


def published_spread(row: Row) -> Entry:
    return number(row.paper.std if row.paper else math.nan, ".2f")


def _sources(rows: Rows) -> str:
    """Whose numbers stand under "paper", by learner; a paragraph each."""
    found = dict.fromkeys(row.source for row in rows if row.source)
    several = len({source.learner for source in found}) > 1
    lines = []
    for source in found:
        line = f"paper{f' of {source.learner}' if several else ''}: {source.name}; {source.recipe}."
        if source.name == TABLE_2:
            line += f" {against_paper([row for row in rows if row.source == source])}"
        lines.append(line)
    return "\n\n".join(dict.fromkeys(lines))


def _difference_in_words(rows: Rows) -> str:
    some = any(row.otherwise for row in rows)
    none = "; none where a footnote says that the paper's was measured otherwise" if some else ""
    return f"\n\ndiff: here minus paper, percentage points{none}."


PAPER_MEAN = Column(
    "mean",
    "right",
    "paper",
    value=lambda row: Entry(f"{row.paper.mean:.2f}", row.doubts) if row.paper else NONE,
    shown=_has_paper,
    explanation=_sources,
    csv={"paper_mean": lambda row: row.paper.mean if row.paper else math.nan},
)
PAPER_DIFFERENCE = Column(
    "diff",
    "right",
    "paper",
    value=lambda row: number(row.difference, "+.2f"),
    shown=_has_paper,
    explanation=_difference_in_words,
    csv={"difference_to_paper": lambda row: row.difference},
)
PUBLISHED = (
    PAPER_MEAN,
    Column(
        "std",
        "right",
        "paper",
        value=published_spread,
        shown=lambda rows: _has_paper(rows) and _all_std(rows),
        csv={"paper_std": lambda row: row.paper.std if row.paper else math.nan},
    ),
    Column("±", "right", "paper", value=published_spread, shown=lambda rows: _has_paper(rows) and not _all_std(rows)),
    PAPER_DIFFERENCE,
    _csv_only(
        paper_source=lambda row: row.source.name if row.source else "",
        paper_measured_otherwise=lambda row: "; ".join(row.otherwise),
    ),
)
"""The published number beside it."""

_INSIGNIFICANT = "Not beyond two standard errors: this training cannot be told from none."


def has_twin(rows: Rows) -> bool:
    return any(row.twin.group for row in rows)


def _unpaired_seeds(row: Row) -> tuple[str, ...]:
    """A footnote if not all seeds of a row with a gain are paired."""
    paired = row.gain.seeds if row.gain else row.n
    return (f"Over {paired} of {counted(row.n, 'seed')}: the others have no pair.",) if paired != row.n else ()


def _untrained(row: Row) -> Entry:
    other = (f"Of a network with other {', '.join(row.twin.differs)}.",) if row.twin.differs else ()
    all_paired = row.gain and row.twin.group and len(row.twin.group.cells) == row.gain.seeds
    return percent(row.untrained)._replace(notes=(*other, *(_unpaired_seeds(row) if all_paired else ())))


def _gain(row: Row) -> Entry:
    if row.gain is None:
        return NONE
    notes = () if row.gain.mean > 2 * row.gain.standard_error else (_INSIGNIFICANT,)
    points = round(100 * row.gain.mean, 2) + 0.0  # without the sign of a zero
    return Entry(f"{points:+.2f}", (*notes, *_unpaired_seeds(row)))


UNTRAINED = (
    Column(
        "acc",
        "right",
        "untrained",
        value=_untrained,
        shown=has_twin,
        explanation="untrained acc: the same learner and network after 0 meta-steps.",
        csv={"untrained_accuracy": lambda row: 100 * row.untrained},
    ),
    Column(
        "gain",
        "right",
        "untrained",
        value=_gain,
        shown=has_twin,
        explanation="gain: trained minus untrained, percentage points, paired by test task and seed;",
        csv={"paired_gain": lambda row: 100 * (row.gain or NO_GAIN).mean},
    ),
    Column(
        "se",
        "right",
        "untrained",
        value=lambda row: percent((row.gain or NO_GAIN).standard_error),
        shown=has_twin,
        explanation="se: its standard error over tasks, the seeds being averaged first.",
        csv={
            "paired_gain_standard_error": lambda row: 100 * (row.gain or NO_GAIN).standard_error,
            "paired_seeds": lambda row: (row.gain or NO_GAIN).seeds,
        },
    ),
)
"""The same network untrained, and what training gained."""


def _fact(name: str) -> Column:
    return _csv_only(**{name: lambda row: row.group.fingerprint.get(name, math.nan)})


PROTOCOL = (
    *map(_fact, ("split_hash", "pool_hash")),
    _csv_only(duplicates=lambda row: "; ".join(map(str, row.group.fingerprint.get("duplicates", [])))),
    *map(_fact, ("queries", "rotations", "inner_steps_test", "evaluation_tasks", "evaluation_seed", "ensemble")),
    _csv_only(code=lambda row: " ".join(row.code)),
)
"""How it was measured: in the CSV alone, since tables have it in words below."""

COLUMNS = (*KEYS, *MEASURED, *PUBLISHED, *UNTRAINED, *PROTOCOL)
