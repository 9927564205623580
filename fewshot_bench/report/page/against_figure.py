"""How far every number here is from the published one, with the spread of both."""

import math
from collections.abc import Sequence

from fewshot_bench.basics.counting import counted
from fewshot_bench.report.headline import NAMES
from fewshot_bench.report.page.against import compared, spread, z_score
from fewshot_bench.report.page.drawing import Frame, Label, Mark, Panel, axes, dot, ticks, upright
from fewshot_bench.report.page.words import also, model, short
from fewshot_bench.report.rows import Row

MOST = 120
"""Lines of the figure; a table has the rest."""

_LINE, _LETTER, _SCORES = 19, 7.0, 44  # pixels: of a line, of a letter, for z on the right


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
    learners = len({row.group.axes["learner"] for row in rows}) > 1
    batch_norms = len({row.batch_norm for row in rows}) > 1
    names = []
    for row in rows:
        axes_ = row.group.axes
        where = f"{NAMES.get(axes_['dataset'], axes_['dataset'])} {axes_['ways']}w{axes_['shots']}s"
        learner, batch_norm = axes_["learner"] * learners, row.batch_norm * batch_norms
        names.append(also(learner, model(axes_), where, row.setting, batch_norm))
    return names


def _cut(name: str, most: int = 42) -> str:
    """So much of a name as has room; the table has all of it."""
    return name if len(name) <= most else name[: most - 1] + "…"


def _or_none(value: float) -> float:
    return 0.0 if math.isnan(value) else value
