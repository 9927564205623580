"""Cells that differ in nothing but their seed can be trained side by side, as replicas in one program.

Bits may depend on who is trained beside whom. So those that were interrupted together go on together, all from one
meta-step, and a cell that fell behind them, because it failed, goes on by itself.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from fewshot_bench.cells import folders as on_disk
from fewshot_bench.cells.cell import Cell
from fewshot_bench.cells.folders import CHECKPOINTS
from fewshot_bench.grid.attempt import Listener
from fewshot_bench.training import checkpoint
from fewshot_bench.training.cell import Moment
from fewshot_bench.training.plan import Plan, recorded


class Pack(NamedTuple):
    """Cells that can be trained side by side.

    plan: what they go on by; None where all begin, or began by what this version does not understand. start:
    meta-steps done at the last checkpoint that all of them have, 0 being the beginning.
    """

    cells: list[Cell]
    plan: Plan | None
    start: int


def twins(cell: Cell, cells: Iterable[Cell], directory: Path) -> list[Cell]:
    """Those of `cells` that have its settings but for the seed, and are not done."""
    return [
        other
        for other in cells
        if other != cell
        and replace(other, seed=cell.seed) == cell
        and not on_disk.is_done(on_disk.folder_of(directory, other))
    ]


def pack(cells: Sequence[Cell], directory: Path) -> Pack:
    """The first of `cells`, and those of the others that can go on, or begin, where it does."""
    folders = [on_disk.folder_of(directory, cell) for cell in cells]
    checkpoints = [checkpoint.numbers(folder / CHECKPOINTS, "step") for folder in folders]
    plans = [recorded(on_disk.status(folder)) for folder in folders]
    others = [index for index in range(1, len(cells)) if plans[index] == plans[0]]
    if not any(checkpoints[index] for index in (0, *others)):
        others = [index for index in range(1, len(cells)) if not checkpoints[index]]
    chosen, common = [0], _starts(checkpoints[0])
    for index in others:
        shared = common & _starts(checkpoints[index])
        if shared:
            chosen, common = [*chosen, index], shared
    going_on = any(checkpoints[index] for index in chosen)
    return Pack([cells[index] for index in chosen], plans[0] if going_on else None, max(common))


def cut_back(folders: Iterable[Path], start: int) -> None:
    """Removes the checkpoints that came after `start`: their meta-steps are taken again."""
    for folder in folders:
        checkpoint.drop_after(folder / CHECKPOINTS, "step", start)


def in_step(listener: Listener) -> Listener:
    """The listener of cells that are side by side: all stop before the same meta-step, so they can go on together.

    `listener` is asked before each meta-step of the first cell, and its answer holds for all. No cell stops in a
    validation that another cell has finished: it would resume from an earlier checkpoint, out of step with the other.
    """
    now, current = Moment("", 0, None, None), ""
    told = -1, False
    validated: dict[str, int] = {}  # cell id -> last meta-step whose validation, if any, is saved

    def moment(cell: Cell, at: Moment) -> None:
        nonlocal now, current
        now, current = at, cell.id
        if at.phase in ("training", "test"):
            validated[cell.id] = at.iteration
        listener.moment(cell, at)

    def stop() -> bool:
        nonlocal told
        if now.phase == "validation" and any(
            steps >= now.iteration for other, steps in validated.items() if other != current
        ):
            return False
        if now.phase != "training":
            return listener.stop()
        if told[0] != now.iteration:
            told = now.iteration, listener.stop()
        return told[1]

    return listener._replace(moment=moment, stop=stop)


def _starts(checkpoints: set[int]) -> set[int]:
    """Where a cell may go on; also from its beginning, as long as no checkpoint was ever removed to make room."""
    return checkpoints if len(checkpoints) >= checkpoint.KEPT else checkpoints | {0}
