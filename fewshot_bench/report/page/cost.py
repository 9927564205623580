"""The section on cost: time, memory and parameters beside the accuracy, as a table and as dots."""

import math
import statistics
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from fewshot_bench.basics.counting import counted
from fewshot_bench.cells.contents import number as number_of
from fewshot_bench.cells.contents import whole
from fewshot_bench.report.columns import SHORT_KEYS
from fewshot_bench.report.names import duration, model, task, with_commas
from fewshot_bench.report.page.drawing import Frame, Key, Mark, Panel, axes, dot, ticks, upright
from fewshot_bench.report.rows import Row
from fewshot_bench.report.table import NONE, Column, Entry, Table, number, percent, tabulate

PEAK = "peak_memory"
"""Key of a status, in bytes: the most memory of the process that computed the cell beyond what it had when the cell
began, or on a GPU the device's."""

_UNDER = (
    "test acc: mean over n seeds, in percent. seconds: of a seed, from its first step to its result, validation and "
    "test included, mean over the seeds. s per meta-step: these seconds over the meta-steps, so validation and test "
    "are in it too. parameters: of the network, those adapted and those not."
)
_NO_PEAK = "Peak memory is not recorded in this folder."
_PEAK_IS = (
    "peak MiB: the most memory, in MiB, that the process which computed a seed had beyond what it had when the seed "
    "began, or on a GPU the most of the device's memory; worker processes are not counted. The highest of the seeds."
)

_TIMES = (0.001, 0.01, 0.1, 1, 10, 60, 600, 3600, 36_000, 360_000, 3_600_000)
_NAMES = ("1 ms", "10 ms", "0.1 s", "1 s", "10 s", "1 min", "10 min", "1 h", "10 h", "100 h", "1000 h")
_LOOKS = 8


def costed(rows: Sequence[Row]) -> list[Row]:
    """Those with a number; of a network that was tested with both kinds of batch norm, the first test."""
    return [row for row in rows if row.n and row.group.first_test]


def _mean(values: Sequence[float | None]) -> float:
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known else math.nan


def _seconds(row: Row) -> float:
    return _mean([cell.seconds for cell in row.group.cells])


def _meta_steps(row: Row) -> float:
    return _mean([cell.iterations for cell in row.group.cells])


def _seconds_per_meta_step(row: Row) -> float:
    steps = _meta_steps(row)
    return _seconds(row) / steps if steps and steps > 0 else math.nan


def _parameters(row: Row) -> str:
    sizes = {size for cell in row.group.cells if (size := whole(cell.result.get("parameters"))) is not None}
    return " or ".join(f"{size:,}" for size in sorted(sizes)) or "-"


def _timed(seconds: Callable[[Row], float], form: str) -> Callable[[Row], Entry]:
    """Seconds, with a footnote if they were spent on several seeds at once."""

    def value(row: Row) -> Entry:
        entry = number(seconds(row), form)
        seeds = max((whole(cell.recorded("plan").get("replicas")) or 1 for cell in row.group.cells), default=1)
        return entry if seeds == 1 or entry == NONE else entry._replace(notes=(_together(seeds),))

    return value


def _together(seeds: int) -> str:
    return f"Trained side by side, up to {counted(seeds, 'seed')}: these seconds were spent on all of them at once."


def _peaks(row: Row) -> list[float]:
    return [peak for cell in row.group.cells if (peak := number_of(cell.status_file.get(PEAK))) is not None]


def _device(row: Row) -> str:
    names = dict.fromkeys(str(cell.recorded("environment").get("device", "")) for cell in row.group.cells)
    return " or ".join(filter(None, names)) or "not recorded"


_COLUMNS = (
    *SHORT_KEYS,
    Column("test acc", "right", value=lambda row: percent(row.mean)),
    Column("n", "right", value=lambda row: str(row.n)),
    Column("parameters", "right", value=_parameters),
    Column("meta-steps", "right", value=lambda row: number(_meta_steps(row), ",.0f")),
    Column("seconds", "right", value=_timed(_seconds, ",.1f")),
    Column("s per meta-step", "right", value=_timed(_seconds_per_meta_step, ".3f")),
    Column(
        "peak MiB",
        "right",
        value=lambda row: number(max(_peaks(row), default=math.nan) / 2**20, ",.0f"),
        shown=lambda rows: any(map(_peaks, rows)),
    ),
    Column("device", value=_device, shown=lambda rows: len(set(map(_device, rows))) > 1),
)


def cost_table(rows: Sequence[Row]) -> Table | None:
    """A line for each row of `costed`; None without any."""
    rows = costed(rows)
    if not rows:
        return None
    devices = set(map(_device, rows))
    under = [_UNDER, _PEAK_IS if any(map(_peaks, rows)) else _NO_PEAK]
    under += [f"Device of all: {device}." for device in devices if len(devices) == 1]
    return tabulate("cost", "Accuracy and what it cost", _COLUMNS, rows, keys=SHORT_KEYS[:2], under=under)


class ScatterPanels(NamedTuple):
    """Panels, and what their colours are: learners if there are several, else networks."""

    kind: str
    keys: tuple[Key, ...]
    panels: tuple[Panel, ...]


def cost_figure(rows: Sequence[Row]) -> ScatterPanels | None:
    """The rows of the table of costs whose seconds are recorded; None if there are fewer than two."""
    # statuses are in whole milliseconds, so 0 is shown as 1 ms
    timed = [(row, max(_TIMES[0], seconds)) for row in costed(rows) if not math.isnan(seconds := _seconds(row))]
    if len(timed) < 2:
        return None
    kind = "learner" if len({row.axes["learner"] for row, _ in timed}) > 1 else "backbone"
    names = list(dict.fromkeys(str(row.axes[kind]) for row, _ in timed))
    looks = {name: f"s{place % _LOOKS}" for place, name in enumerate(names)}
    by_task: dict[str, list[tuple[Row, float]]] = {}
    for row, seconds in timed:
        by_task.setdefault(task(row.axes), []).append((row, seconds))
    panels = [_panel(title, members, kind, looks) for title, members in by_task.items()]
    word = "learner" if kind == "learner" else "network"
    return ScatterPanels(word, tuple(Key(name, f"dot {look}") for name, look in looks.items()), tuple(panels))


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
        name = with_commas(str(row.axes["learner"]), model(row.axes), row.setting)
        says = f"{name}: {100 * row.mean:.2f} %, {duration(seconds)}"
        marks.append(Mark(dot(frame, math.log10(seconds), 100 * row.mean), f"dot {looks[row.axes[kind]]}", says=says))
    says = f"{title}: accuracy against time of {counted(len(members), 'configuration')}."
    return Panel(title, says, frame.width, frame.height, tuple(marks), tuple(labels))


def _between(low: float, high: float) -> Iterator[tuple[float, str]]:
    """Round times from the last at or below `low` to the first at or above `high`, as logarithms with their names."""
    first = max((place for place, time in enumerate(_TIMES) if time <= low), default=0)
    last = min((place for place, time in enumerate(_TIMES) if time >= high), default=len(_TIMES) - 1)
    for time, name in zip(_TIMES[first : max(last, first + 1) + 1], _NAMES[first:], strict=False):
        yield math.log10(time), name
