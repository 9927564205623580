"""Accuracy against time: a panel a task, a dot a configuration."""

import math
import statistics
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from fewshot_bench.basics.counting import counted
from fewshot_bench.report.page.cost import costed
from fewshot_bench.report.page.drawing import Frame, Key, Mark, Panel, axes, dot, ticks, upright
from fewshot_bench.report.page.words import also, duration, model, task
from fewshot_bench.report.rows import Row

_TIMES = (0.001, 0.01, 0.1, 1, 10, 60, 600, 3600, 36_000, 360_000, 3_600_000)
_NAMES = ("1 ms", "10 ms", "0.1 s", "1 s", "10 s", "1 min", "10 min", "1 h", "10 h", "100 h", "1000 h")
_LOOKS = 8


class Scatter(NamedTuple):
    """Panels, and what their colours are: learners where there are several, networks else."""

    kind: str
    keys: tuple[Key, ...]
    panels: tuple[Panel, ...]


def cost_figure(rows: Sequence[Row]) -> Scatter | None:
    """The rows of the table of costs whose seconds are recorded; None where there are not two of them."""
    timed = [(row, seconds) for row in costed(rows) if (seconds := _seconds(row)) is not None]
    if len(timed) < 2:
        return None
    kind = "learner" if len({row.group.axes["learner"] for row, _ in timed}) > 1 else "backbone"
    names = list(dict.fromkeys(str(row.group.axes[kind]) for row, _ in timed))
    looks = {name: f"s{place % _LOOKS}" for place, name in enumerate(names)}
    by_task: dict[str, list[tuple[Row, float]]] = {}
    for row, seconds in timed:
        by_task.setdefault(task(row.group.axes), []).append((row, seconds))
    panels = [_panel(title, members, kind, looks) for title, members in by_task.items()]
    word = "learner" if kind == "learner" else "network"
    return Scatter(word, tuple(Key(name, f"dot {look}") for name, look in looks.items()), tuple(panels))


def _seconds(row: Row) -> float | None:
    """Mean over seeds; None if none is recorded. Statuses are in whole milliseconds, so 0 is shown as 1 ms."""
    known = [cell.seconds for cell in row.group.cells if cell.seconds is not None]
    return max(_TIMES[0], statistics.fmean(known)) if known else None


def _panel(title: str, members: Sequence[tuple[Row, float]], kind: str, looks: dict[str, str]) -> Panel:
    """Time on a logarithmic scale, between round times; accuracy in percent."""
    marked = list(_between(min(seconds for _, seconds in members), max(seconds for _, seconds in members)))
    accuracies = [100 * row.mean for row, _ in members]
    air = 0.08 * (max(accuracies) - min(accuracies)) or 1.0
    frame = Frame(x=(marked[0][0], marked[-1][0]), y=(min(accuracies) - air, max(accuracies) + air), right=22)
    places = [(value, f"{value:g}") for value in ticks(*frame.y)]
    marks, labels = axes(frame, marked, places, "time of a seed")
    marks = [Mark(upright(frame, place), "rule") for place, _ in marked[1:]] + marks
    for row, seconds in members:
        name = also(str(row.group.axes["learner"]), model(row.group.axes), row.setting)
        says = f"{name}: {100 * row.mean:.2f} %, {duration(seconds)}"
        marks.append(
            Mark(dot(frame, math.log10(seconds), 100 * row.mean), f"dot {looks[row.group.axes[kind]]}", says=says)
        )
    says = f"{title}: accuracy against time of {counted(len(members), 'configuration')}."
    return Panel(title, says, frame.width, frame.height, tuple(marks), tuple(labels))


def _between(low: float, high: float) -> Iterator[tuple[float, str]]:
    """Round times from the last at or below `low` to the first at or above `high`, as logarithms with their names."""
    first = max((place for place, time in enumerate(_TIMES) if time <= low), default=0)
    last = min((place for place, time in enumerate(_TIMES) if time >= high), default=len(_TIMES) - 1)
    for time, name in zip(_TIMES[first : max(last, first + 1) + 1], _NAMES[first:], strict=False):
        yield math.log10(time), name
