"""Estimates of the hours and memory that a grid's cells still need: counted work at a measured pace.

The pace is that of finished and running cells in the folder, or else of the rates in the package (rates.py).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch

from fewshot_bench.basics.counting import counted
from fewshot_bench.basics.errors import BenchError
from fewshot_bench.cells import folders
from fewshot_bench.cells.cell import Cell
from fewshot_bench.grid import rates
from fewshot_bench.grid.costs import cost, validations
from fewshot_bench.training.plan import Plan, find_device, recorded_plan
from fewshot_bench.training.planning import usual_plan

HOUR = 3600.0

NEW = "new"
"""State of a cell that has no folder yet."""


class CellEstimate(NamedTuple):
    """The estimate for one cell.

    iterations: meta-steps done. hours: hours left. mebibytes: peak memory of all its processes. Both are None if
    unknown.
    """

    cell: Cell
    state: str
    iterations: int
    hours: float | None
    mebibytes: float | None


class GridEstimate(NamedTuple):
    """The estimates for all cells, in their order. remarks: sentences about the basis of hours and memory."""

    cells: list[CellEstimate]
    remarks: list[str]


class CellWork(NamedTuple):
    """The work of a cell that is done and left, from its folder.

    done, left: in seconds on rates.MACHINE, or in FLOP for a device that was not measured. seconds: time that the work
    took for this cell alone. device: where it was computed, "" if unknown.
    """

    cell: Cell
    state: str
    iterations: int
    done: float
    left: float
    seconds: float
    device: str
    plan: Plan | None


def estimated(cells: Sequence[Cell], directory: Path, device: str, among: Sequence[Cell] = ()) -> GridEstimate:
    """Estimates for cells.

    device: where new cells would be computed, as in `run`; this machine need not have it. among: other cells whose pace
    counts. Raises BenchError if there is no device of that name.
    """
    kind = _kind(device)
    works = [_cell_work(cell, directory, kind) for cell in cells]
    others = [_cell_work(cell, directory, kind) for cell in among if cell not in cells]
    measured = [
        work for work in [*works, *others] if work.done and work.seconds > 0 and work.device.partition(":")[0] == kind
    ]
    estimates = [_estimate(work, measured, kind) for work in works]
    if all(estimate.hours == 0 for estimate in estimates):
        return GridEstimate(estimates, [])
    remarks = [
        _of_hours(measured, kind),
        _of_memory(kind),
        *(remark for cell in cells for remark in cost(cell).remarks),
    ]
    return GridEstimate(estimates, list(dict.fromkeys(remarks)))


def _kind(device: str) -> str:
    """The type of a device: "cpu", "cuda", ..."""
    try:
        return torch.device(find_device(device) if device == "auto" else device).type
    except RuntimeError as error:
        raise BenchError(f"no device is called {device!r}. Try --device cpu.") from error


def _cell_work(cell: Cell, directory: Path, kind: str) -> CellWork:
    folder = folders.folder_of(directory, cell)
    status = folders.status(folder)
    iterations, spent = folders.spent(folder)
    training, evaluation = _work(cell, kind)
    done = 0.0
    if folders.is_done(folder):
        done = training + evaluation
    elif 0 < iterations <= cell.training.iterations:  # validations take place during training, the test at the end
        share, number = iterations / cell.training.iterations, validations(cell)
        done = share * (training + evaluation * number / (number + min(cell.evaluation.ensemble, number)))
    plan, fields = recorded_plan(status), status.get("plan")  # a plan of an older version has fewer fields
    device = str(fields.get("device", "")) if isinstance(fields, dict) else ""
    alone = spent / (1 if plan is None else plan.replicas)
    state = str(status.get("status", NEW))
    if state == folders.DONE and not folders.is_done(folder):
        state = folders.FAILED  # its result is damaged, or another cell's
    left = 0.0 if state == folders.SKIPPED else training + evaluation - done
    return CellWork(cell, state, iterations, done, left, alone, device, plan)


def _work(cell: Cell, kind: str) -> tuple[float, float]:
    """The work of training and of evaluation, in the units of CellWork."""
    whole = cost(cell)
    if kind == "cpu":
        return rates.training(cell, whole), rates.seconds(cell, whole.evaluation)
    return whole.training.flop, whole.evaluation.flop


def _estimate(work: CellWork, measured: Sequence[CellWork], kind: str) -> CellEstimate:
    if not work.left:
        return CellEstimate(work.cell, work.state, work.iterations, 0.0, None)
    pace = _pace(work.cell, measured, kind)
    hours = None if pace is None else pace * work.left / HOUR
    plan = work.plan or usual_plan(work.cell, kind)
    return CellEstimate(work.cell, work.state, work.iterations, hours, rates.mebibytes(work.cell, plan))


def _pace(cell: Cell, measured: Sequence[CellWork], kind: str) -> float | None:
    """Seconds for a unit of work, from cells of the same network and dataset if any; None if nothing was measured."""
    same = [work for work in measured if (work.cell.backbone, work.cell.dataset) == (cell.backbone, cell.dataset)]
    paced = same or measured
    if not paced:
        return 1.0 if kind == "cpu" else None
    return sum(work.seconds for work in paced) / sum(work.done for work in paced)


def _of_hours(measured: Sequence[CellWork], kind: str) -> str:
    if not measured and kind == "cpu":
        return (
            f"Hours are those of {rates.MACHINE}, there within a factor of {rates.WORST_SECONDS}. Here they may be "
            "others, and are corrected as soon as a cell is under way."
        )
    if not measured:
        return f"No rate was measured on this device ({kind}), so there are no hours until a cell is under way."
    pace = sum(work.seconds for work in measured) / sum(work.done for work in measured)
    against = f"{pace:.2g} times those of {rates.MACHINE}" if kind == "cpu" else f"{1e-12 / pace:.2g} TFLOP/s"
    return f"Hours are at the pace of {counted(len(measured), 'cell')} in this folder: {against}."


def _of_memory(kind: str) -> str:
    if kind != "cpu":
        return f"Memory was not measured on this device ({kind})."
    return (
        "Memory is that of all processes of a cell, beside what Python and torch take themselves; where it was "
        f"measured, it was within a factor of {rates.WORST_MEMORY:g}."
    )
