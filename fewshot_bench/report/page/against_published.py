"""The section on published numbers: how far apart those here are from them, and whether more than seeds explain."""

import math
from collections.abc import Sequence

from fewshot_bench.basics.counting import counted
from fewshot_bench.report import published
from fewshot_bench.report.columns import PAPER_DIFFERENCE, PAPER_MEAN, SHORT_KEYS, published_spread
from fewshot_bench.report.names import dataset, model, short, with_commas
from fewshot_bench.report.page.drawing import Frame, Label, Mark, Panel, axes, dot, ticks, upright
from fewshot_bench.report.protocol import against_paper
from fewshot_bench.report.published_beside import PublishedSource
from fewshot_bench.report.rows import Row
from fewshot_bench.report.table import Column, Entry, Table, number, percent, tabulate

PAPER_SEEDS = 3
"""Seeds behind a std of the paper's Table 2: the caption says so, and the notebook has one column each."""

_STD, _INTERVAL = "std, seeds", "95 %, tasks"
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

MOST = 120
"""Lines of the figure; a table has the rest."""

_LINE, _LETTER, _SCORES = 19, 7.0, 44  # pixels: of a line, of a letter, for z on the right


def compared(rows: Sequence[Row]) -> list[Row]:
    """The rows with a number here and a published one."""
    return [row for row in rows if row.n and row.paper]


def z_score(row: Row) -> tuple[float, str]:
    """The difference over its standard error by seeds, and "" ; or nan, and the sentence why there is none."""
    if row.paper is None or row.source is None:
        return math.nan, "Nothing was published for it."
    if row.otherwise:
        return math.nan, "No z: the published value was measured otherwise."
    if not row.source.std or math.isnan(row.paper.std):
        return math.nan, "No z: what is published is not a standard deviation over seeds."
    if row.n < 2:
        return math.nan, "No z: one seed has no spread over seeds."
    error = math.sqrt((100 * row.std) ** 2 / row.n + row.paper.std**2 / PAPER_SEEDS)
    return (row.difference / error, "") if error else (math.nan, "No z: neither side has any spread.")


def spread(row: Row) -> tuple[float, str]:
    """Behind ± here: a value in percentage points, and what it is."""
    return (100 * row.ci95, _INTERVAL) if row.n == 1 else (100 * row.std, _STD)


def _source_of_spread(row: Row) -> str:
    """What stands behind the published ±, as the source's `recipe` says at more length."""
    if row.source is None or row.paper is None or math.isnan(row.paper.std):
        return ""
    if row.source.std:
        return f"{_STD} ({PAPER_SEEDS})"
    return _INTERVAL if "95 % interval" in row.source.recipe else "not stated"


def _z(row: Row) -> Entry:
    score, why = z_score(row)
    return Entry("-", (why,)) if why else Entry(f"{score:+.1f}")


_COLUMNS = (
    *SHORT_KEYS,
    Column("mean", "right", "here", value=lambda row: percent(row.mean)),
    Column("±", "right", "here", value=lambda row: number(spread(row)[0], ".2f")),
    Column("± is", group="here", value=lambda row: spread(row)[1]),
    Column("n", "right", "here", value=lambda row: str(row.n)),
    PAPER_MEAN._replace(group="published"),
    Column("±", "right", "published", value=published_spread),
    Column("± is", group="published", value=_source_of_spread),
    PAPER_DIFFERENCE._replace(group=""),
    Column("z", "right", value=_z),
)


def against_table(rows: Sequence[Row]) -> Table | None:
    """A line for each row of `compared`; None without any."""
    rows = compared(rows)
    if not rows:
        return None
    sources = dict.fromkeys(row.source for row in rows if row.source)
    under = (*_UNDER, *(_source(one, rows) for one in sources))
    return tabulate("against", "Here and as published", _COLUMNS, rows, keys=SHORT_KEYS[:2], under=under)


def _source(source: PublishedSource, rows: Sequence[Row]) -> str:
    own = [row for row in rows if row.source == source]
    budget = against_paper(own) if source.name == published.TABLE_2 else ""
    return f"Published for {source.learner}: {source.name}; {source.recipe}. {budget}".rstrip()


def with_difference(rows: Sequence[Row]) -> list[Row]:
    """The rows of `compared` whose published number was measured as theirs, in the same order."""
    return [row for row in compared(rows) if not row.otherwise]


def against_figure(rows: Sequence[Row]) -> Panel | None:
    """A line a row of `with_difference`: a dot with its spread here, and behind it that of the published."""
    rows = with_difference(rows)[:MOST]
    if not rows:
        return None
    low, high = _limits(rows)
    names = [_cut(name) for name in _names(rows)]
    frame = Frame(
        x=(low, high),
        y=(len(rows) - 0.5, -0.5),
        width=780,
        height=_LINE * len(rows) + 60,
        left=round(_LETTER * max(map(len, names))) + 16,
        right=_SCORES,
        top=22,
        bottom=36,
    )
    places = ticks(low, high, 6)
    marks, labels = axes(frame, [(value, short(value)) for value in places], [], "here minus published, points")
    marks = [Mark(upright(frame, value), "rule") for value in places] + marks
    marks.append(Mark(upright(frame, 0.0), "zero"))
    labels.append(Label(frame.width - 4, 14, "z", "end faint"))
    for place, row in enumerate(rows):
        marks += _marks(frame, place, row)
        labels += _labels(frame, place, row, names[place])
    shown = counted(len(rows), "configuration")
    says = f"Differences to the published numbers of {shown}, from {low:.1f} to {high:.1f} points."
    return Panel("", says, frame.width, frame.height, tuple(marks), tuple(labels))


def _limits(rows: Sequence[Row]) -> tuple[float, float]:
    """Zero, every difference and every spread, with some air."""
    ends = [0.0]
    for row in rows:
        here, theirs = _or_none(spread(row)[0]), _or_none(row.paper.std if row.paper else math.nan)
        ends += [row.difference - here, row.difference + here, -theirs, theirs]
    air = 0.04 * (max(ends) - min(ends)) or 1.0
    return min(ends) - air, max(ends) + air


def _marks(frame: Frame, place: int, row: Row) -> list[Mark]:
    here, theirs = _or_none(spread(row)[0]), _or_none(row.paper.std if row.paper else math.nan)
    says = f"{100 * row.mean:.2f} here, {row.paper.mean:.2f} published" if row.paper else ""
    return [
        Mark(_stretch(frame, place, -theirs, theirs), "theirs"),
        Mark(_stretch(frame, place, row.difference - here, row.difference + here), "whisker s0"),
        Mark(dot(frame, row.difference, place), "dot s0", says=says),
    ]


def _stretch(frame: Frame, place: int, low: float, high: float) -> str:
    return f"M{frame.across(low):.1f} {frame.down(place):.1f}H{frame.across(high):.1f}"


def _labels(frame: Frame, place: int, row: Row, name: str) -> list[Label]:
    down = round(frame.down(place) + 4, 1)
    score, why = z_score(row)
    return [
        Label(frame.left - 10, down, name, "end small"),
        Label(frame.width - 4, down, "-" if why else f"{score:+.1f}", "end small"),
    ]


def _names(rows: Sequence[Row]) -> list[str]:
    """What stands at each line: of learner and batch norm only what is not the same for all."""
    learners = len({row.axes["learner"] for row in rows}) > 1
    batch_norms = len({row.batch_norm for row in rows}) > 1
    names = []
    for row in rows:
        axes_ = row.axes
        where = f"{dataset(axes_['dataset'])} {axes_['ways']}w{axes_['shots']}s"
        learner, batch_norm = axes_["learner"] * learners, row.batch_norm * batch_norms
        names.append(with_commas(learner, model(axes_), where, row.setting, batch_norm))
    return names


def _cut(name: str, most: int = 42) -> str:
    """So much of a name as has room; the table has all of it."""
    return name if len(name) <= most else name[: most - 1] + "…"


def _or_none(value: float) -> float:
    return 0.0 if math.isnan(value) else value
