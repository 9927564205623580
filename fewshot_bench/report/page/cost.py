"""What a number cost: time, memory and parameters beside the accuracy."""

import math
import statistics
from collections.abc import Sequence

from fewshot_bench.basics.counting import counted
from fewshot_bench.cells.contents import number, whole
from fewshot_bench.cells.reading import CellFolder
from fewshot_bench.report.ablation import percent
from fewshot_bench.report.page.keys import key_columns, key_entries
from fewshot_bench.report.rows import Row
from fewshot_bench.report.table import Column, Entry, Table

PEAK = "peak_memory"
"""Key of a status, in bytes: the most memory of the process that computed the cell beyond what it had when the cell
began, or on a GPU the device's."""

_NONE = Entry("-")
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


def cost_table(rows: Sequence[Row]) -> Table | None:
    """A line a trained configuration with a seed that is done; None without any."""
    rows = costed(rows)
    if not rows:
        return None
    peaks = any(number(cell.said.get(PEAK)) is not None for row in rows for cell in row.group.cells)
    devices = list(dict.fromkeys(_device(row.group.cells) for row in rows))
    keys = key_columns(rows)
    numbers = [
        "test acc",
        "n",
        "parameters",
        "meta-steps",
        "seconds",
        "s per meta-step",
        *(["peak MiB"] if peaks else []),
    ]
    return Table(
        name="cost",
        title="Accuracy and what it cost",
        columns=(
            *(Column(title, wrap=title == "setting") for title in keys),
            *(Column(title, "right") for title in numbers),
            *([Column("device")] if len(devices) > 1 else []),
        ),
        rows=tuple(
            (
                *key_entries(row, keys),
                *_numbers(row),
                *([_peak(row.group.cells)] if peaks else []),
                *([Entry(_device(row.group.cells))] if len(devices) > 1 else []),
            )
            for row in rows
        ),
        keys=keys.index("task") + 1,
        section=keys.index("task") + 1,
        under=(_UNDER, _PEAK_IS if peaks else _NO_PEAK, *([f"Device of all: {devices[0]}."] * (len(devices) == 1))),
    )


def costed(rows: Sequence[Row]) -> list[Row]:
    """Those with a number; of a network that was tested in two ways the first."""
    return [row for row in rows if row.n and all(cell.test == "test" for cell in row.group.cells)]


def _numbers(row: Row) -> list[Entry]:
    cells = row.group.cells
    seconds = _mean([cell.seconds for cell in cells])
    steps = _mean([cell.iterations for cell in cells])
    sizes = sorted({size for cell in cells if (size := whole(cell.result.get("parameters"))) is not None})
    together = max((whole(cell.recorded("plan").get("replicas")) or 1 for cell in cells), default=1)
    notes = (_together(together),) if together > 1 else ()
    each = seconds / steps if steps and steps > 0 else math.nan
    return [
        percent(row.mean),
        Entry(str(row.n)),
        Entry(" or ".join(f"{size:,}" for size in sizes) or "-"),
        _NONE if math.isnan(steps) else Entry(f"{steps:,.0f}"),
        _NONE if math.isnan(seconds) else Entry(f"{seconds:,.1f}", notes),
        _NONE if math.isnan(each) else Entry(f"{each:.3f}", notes),
    ]


def _together(seeds: int) -> str:
    return f"Trained side by side, up to {counted(seeds, 'seed')}: these seconds were spent on all of them at once."


def _peak(cells: Sequence[CellFolder]) -> Entry:
    peaks = [peak for cell in cells if (peak := number(cell.said.get(PEAK))) is not None]
    return Entry(f"{max(peaks) / 2**20:,.0f}") if peaks else _NONE


def _device(cells: Sequence[CellFolder]) -> str:
    names = dict.fromkeys(str(cell.recorded("environment").get("device", "")) for cell in cells)
    return " or ".join(filter(None, names)) or "not recorded"


def _mean(values: Sequence[float | None]) -> float:
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known else math.nan
