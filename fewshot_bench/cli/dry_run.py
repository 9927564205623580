"""What `run --dry-run` prints: a line a cell, and what all of them would take."""

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from fewshot_bench.basics.counting import counted
from fewshot_bench.cells.cell import Cell
from fewshot_bench.cells.code import refusal
from fewshot_bench.cli.wrapping import wrapped
from fewshot_bench.grid.estimates import HOUR, CellEstimate, GridEstimate, estimated
from fewshot_bench.report.console import screen


def print_estimates(cells: Sequence[Cell], directory: Path, device: str, among: Sequence[Cell] = ()) -> None:
    """Cells on stdout, the sum and what it stands on on stderr. Raises as `estimated`; nothing is written."""
    outlook = estimated(cells, directory, device, among)
    width = max((len(cell.id) for cell in cells), default=0)
    for one in outlook.cells:
        print(line(one, width))
    room, _ = screen(sys.stderr)
    for text in summary(outlook):
        print("\n".join(wrapped(text, room, "  ")), file=sys.stderr)
    if other_code := refusal(cells, directory):
        print("\n".join(wrapped(f"run would stop: {other_code}", room, "  ")), file=sys.stderr)


def line(one: CellEstimate, width: int) -> str:
    """State, name, meta-steps done, time left and memory. width: of the longest name."""
    steps = f"{one.iterations}/{one.cell.training.iterations}"
    return (
        f"{one.state:8} {one.cell.id:{width}}  {steps:>13}  {_time(one.hours):>8}  {_memory(one.mebibytes):>9}".rstrip()
    )


def summary(outlook: GridEstimate) -> list[str]:
    """Sums, and what they stand on, a line each."""
    cells = outlook.cells
    states = ", ".join(f"{count} {state}" for state, count in Counter(one.state for one in cells).items())
    lines = [f"{counted(len(cells), 'cell')} ({states}); nothing was written"]
    hours = [one.hours for one in cells if one.hours]
    memory = [one.mebibytes for one in cells if one.mebibytes is not None]
    if hours:
        lines.append(f"left: {_time(sum(hours))} one after another, {_time(max(hours))} the longest")
    if memory:
        lines.append(f"memory of one: at most {_memory(max(memory))}")
    return lines + ["  " + remark for remark in outlook.remarks]


def _time(hours: float | None) -> str:
    if not hours:
        return ""
    if hours * HOUR < 99.5:
        return f"{hours * HOUR:.0f} s"
    return f"{hours * 60:.0f} min" if hours * 60 < 99.5 else f"{hours:,.1f} h" if hours < 99.5 else f"{hours:,.0f} h"


def _memory(mebibytes: float | None) -> str:
    if mebibytes is None:
        return ""
    return f"{mebibytes:.0f} MiB" if mebibytes < 9999.5 else f"{mebibytes / 1024:.0f} GiB"
