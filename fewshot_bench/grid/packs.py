"""Cells that differ in nothing but their seed can be trained side by side, as replicas in one program."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from fewshot_bench.grid import ledger
from fewshot_bench.grid.attempt import began
from fewshot_bench.training import checkpoint
from fewshot_bench.training.cell import CHECKPOINTS
from fewshot_bench.training.plan import recorded
from fewshot_bench.training.settings import Cell


def twins(cell: Cell, cells: Iterable[Cell], directory: Path) -> list[Cell]:
    """`cell`, and those of `cells` that could run side by side with it.

    They have its settings but for the seed and are not done, and all of them begin, or all go on by one plan.
    """
    place = recorded(began(ledger.folder_of(directory, cell)))
    found = [cell]
    for other in cells:
        folder = ledger.folder_of(directory, other)
        alike = other != cell and replace(other, seed=cell.seed) == cell
        if alike and not ledger.is_done(folder) and recorded(began(folder)) == place:
            found.append(other)
    return found


def common_start(folders: list[Path]) -> int | None:
    """Meta-steps done at the last checkpoint that all cells have; 0 where there is none, None for a single cell."""
    if len(folders) == 1:
        return None
    return max(set.intersection(*(checkpoint.numbers(folder / CHECKPOINTS, "step") for folder in folders)), default=0)
