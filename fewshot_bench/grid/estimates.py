"""Hours and memory that a grid's cells still need: counted work at the pace of the cells computed before.

The pace is that of finished and running cells in the folder, or of the rates that ship with the package.
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


class Estimate(NamedTuple):
    """What one cell still needs.

    iterations: meta-steps done. hours: left, 0 if none is. mebibytes: what all its processes take at most. Either is
    None if it is not known.
    """

    cell: Cell
    state: str
    iterations: int
    hours: float | None
    mebibytes: float | None


class Outlook(NamedTuple):
    """cells: in the order given. remarks: sentences about what hours and memory stand on."""

    cells: list[Estimate]
    remarks: list[str]


class Seen(NamedTuple):
    """A cell as its folder has it.

    done, left: of its work, in seconds on rates.MACHINE, or in FLOP on a device that was not measured. seconds: what
    the work done took, for this cell alone. device: where it was done, "" if that is not known.
    """

    cell: Cell
    state: str
    iterations: int
    done: float
    left: float
    seconds: float
    device: str
    plan: Plan | None


def estimated(cells: Sequence[Cell], directory: Path, device: str, among: Sequence[Cell] = ()) -> Outlook:
    """What each of `cells` still needs.

    device: where new cells would be computed, as in `run`; the machine need not have it. among: other cells whose pace
    counts. Raises BenchError if `device` is none.
    """
    kind = _kind(device)
    seen = [_seen(cell, directory, kind) for cell in cells]
    others = [_seen(cell, directory, kind) for cell in among if cell not in cells]
    measured = [
        one for one in [*seen, *others] if one.done and one.seconds > 0 and one.device.partition(":")[0] == kind
    ]
    found = [_estimate(one, measured, kind) for one in seen]
    if all(one.hours == 0 for one in found):
        return Outlook(found, [])
    remarks = [
        _of_hours(measured, kind),
        _of_memory(kind),
        *(remark for cell in cells for remark in cost(cell).remarks),
    ]
    return Outlook(found, list(dict.fromkeys(remarks)))


def _kind(device: str) -> str:
    """ "cpu", "cuda", ..."""
    try:
        return torch.device(find_device(device) if device == "auto" else device).type
    except RuntimeError as error:
        raise BenchError(f"no device is called {device!r}. Try --device cpu.") from error


def _seen(cell: Cell, directory: Path, kind: str) -> Seen:
    folder = folders.folder_of(directory, cell)
    said = folders.status(folder)
    iterations, spent = folders.spent(folder)
    training, evaluation = _work(cell, kind)
    done = 0.0
    if folders.is_done(folder):
        done = training + evaluation
    elif 0 < iterations <= cell.training.iterations:  # validations go along with training; the test is the last of it
        share, number = iterations / cell.training.iterations, validations(cell)
        done = share * (training + evaluation * number / (number + min(cell.evaluation.ensemble, number)))
    plan, how = recorded_plan(said), said.get("plan")  # of an older version it has fewer fields
    device = str(how.get("device", "")) if isinstance(how, dict) else ""
    alone = spent / (1 if plan is None else plan.replicas)
    state = str(said.get("status", NEW))
    if state == folders.DONE and not folders.is_done(folder):
        state = folders.FAILED  # its result is torn, or not its own
    left = 0.0 if state == folders.SKIPPED else training + evaluation - done
    return Seen(cell, state, iterations, done, left, alone, device, plan)


def _work(cell: Cell, kind: str) -> tuple[float, float]:
    """The work of training and of evaluation, in the units of Seen."""
    whole = cost(cell)
    if kind == "cpu":
        return rates.training(cell, whole), rates.seconds(cell, whole.evaluation)
    return whole.training.flop, whole.evaluation.flop


def _estimate(one: Seen, measured: Sequence[Seen], kind: str) -> Estimate:
    if not one.left:
        return Estimate(one.cell, one.state, one.iterations, 0.0, None)
    pace = _pace(one.cell, measured, kind)
    hours = None if pace is None else pace * one.left / HOUR
    plan = one.plan or usual_plan(one.cell, kind)
    return Estimate(one.cell, one.state, one.iterations, hours, rates.mebibytes(one.cell, plan))


def _pace(cell: Cell, measured: Sequence[Seen], kind: str) -> float | None:
    """Seconds for a unit of work, by cells with that network and those images if any; None if nothing was measured."""
    alike = [one for one in measured if (one.cell.backbone, one.cell.dataset) == (cell.backbone, cell.dataset)]
    paced = alike or measured
    if not paced:
        return 1.0 if kind == "cpu" else None
    return sum(one.seconds for one in paced) / sum(one.done for one in paced)


def _of_hours(measured: Sequence[Seen], kind: str) -> str:
    if not measured and kind == "cpu":
        return (
            f"Hours are those of {rates.MACHINE}, there within a factor of {rates.WORST_SECONDS}. Here they may be "
            "others, and are corrected as soon as a cell is under way."
        )
    if not measured:
        return f"No rate was measured on this device ({kind}), so there are no hours until a cell is under way."
    pace = sum(one.seconds for one in measured) / sum(one.done for one in measured)
    against = f"{pace:.2g} times those of {rates.MACHINE}" if kind == "cpu" else f"{1e-12 / pace:.2g} TFLOP/s"
    return f"Hours are at the pace of {counted(len(measured), 'cell')} in this folder: {against}."


def _of_memory(kind: str) -> str:
    if kind != "cpu":
        return f"Memory was not measured on this device ({kind})."
    return (
        "Memory is that of all processes of a cell, beside what Python and torch take themselves; where it was "
        f"measured, it was within a factor of {rates.WORST_MEMORY:g}."
    )
