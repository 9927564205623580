"""What was measured, as tables for readers."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.libraries import CONTENDERS
from benchmarks.measuring import Timed
from benchmarks.settings import Setting
from fewshot_bench.basics.counting import counted
from fewshot_bench.report.table import Column, Entry, Table

LARGE = 0.01
"""A gradient that is further off, relative to its norm, has a note; it took its time all the same."""

SETTING = (Column("network"), Column("images"), Column("task"), Column("inner"))

SPEED, MEMORY = (name for name, contender in CONTENDERS.items() if contender.ours)

NOT_FINITE = "its gradient is not finite"

Peaks = Mapping[str, Mapping[str, Any]]
"""Contender -> {"mebibytes"} or {"failed"}."""


def throughput(settings: Sequence[Sequence[Timed]], threads: int) -> Table:
    """Tasks a second, a row a setting; each library in the number of processes that is best for it."""
    names = [name for name in CONTENDERS if any(one.mode.contender == name for one in settings[0])]
    rows = []
    for results in settings:
        modes = {name: [one for one in results if one.mode.contender == name] for name in names}
        rates = {name: max((one.rate for one in modes[name] if one.seconds), default=math.nan) for name in names}
        best = max((rate for name, rate in rates.items() if not CONTENDERS[name].ours and rate > 0), default=math.nan)
        ratios = [_ratio(rates.get(name, math.nan), best) for name in (SPEED, MEMORY)]
        setting = results[0].setting
        rows.append((*_words(setting), Entry(str(setting.tasks)), *map(_rate, modes.values()), *ratios))
    columns = (*SETTING, Column("tasks", "right"), *(Column(name, "right") for name in names))
    ratio = (Column("ours / best other", "right"), Column("memory plan / best other", "right"))
    under = (
        f"Tasks a second, medians; {counted(threads, 'thread')}, or where x2 is written two processes of one thread "
        "each, whichever is faster for the library.",
    )
    return Table("throughput", "Tasks a second", (*columns, *ratio), tuple(rows), keys=3, under=under)


def memory(settings: Sequence[tuple[Setting, Peaks]]) -> Table:
    """MiB on top of what a fresh process had, a row a setting and number of inner steps."""
    names = list(settings[0][1])
    rows = []
    for setting, peaks in settings:
        found = {name: peaks[name]["mebibytes"] for name in names if "mebibytes" in peaks[name]}
        least = min((peak for name, peak in found.items() if not CONTENDERS[name].ours), default=math.nan)
        ratios = [_ratio(found.get(name, math.nan), least) for name in (SPEED, MEMORY)]
        rows.append(
            (*_words(setting), Entry(str(setting.steps)), *(_mebibytes(peaks[name]) for name in names), *ratios)
        )
    columns = (*SETTING, Column("steps", "right"), *(Column(name, "right") for name in names))
    ratio = (Column("ours / best other", "right"), Column("memory plan / best other", "right"))
    return Table("memory", "Peak memory of one task, MiB", (*columns, *ratio), tuple(rows), keys=4)


def _words(setting: Setting) -> tuple[Entry, ...]:
    task = f"{setting.ways}-way {setting.shots}-shot"
    return Entry(setting.backbone), Entry(setting.shape), Entry(task), Entry(setting.rule)


def _rate(modes: Sequence[Timed]) -> Entry:
    """A contender's field: of the mode in which it is fastest. Only a process that has all tasks knows its gradient."""
    fastest = max(modes, key=lambda one: one.rate if one.seconds else -1.0)
    name, error = fastest.mode.contender, modes[0].gradient_error
    if not fastest.seconds:
        return Entry("n/a", (f"{name}: {modes[0].reason}.",))
    shared = f" x{fastest.mode.processes}" if fastest.mode.processes > 1 else ""
    note = f"its gradient differs from the first library's by {error:.1%}" if math.isfinite(error) else NOT_FINITE
    return Entry(_digits(fastest.rate) + shared, () if error <= LARGE else (f"{name}: {note}.",))


def _mebibytes(found: Mapping[str, Any]) -> Entry:
    return Entry(f"{found['mebibytes']:.0f}") if "mebibytes" in found else Entry("n/a", (f"{found['failed']}.",))


def _ratio(value: float, to: float) -> Entry:
    return Entry(f"{value / to:.2f}" if to > 0 and math.isfinite(value) else "")


def _digits(value: float) -> str:
    """Three digits."""
    return f"{value:.{max(0, 2 - math.floor(math.log10(value)))}f}"
