"""What cannot be: values that are fine by themselves and impossible together."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from fewshot_bench.backbones import BACKBONES
from fewshot_bench.basics.counting import counted
from fewshot_bench.basics.errors import BenchError, CellError, GridError, explained
from fewshot_bench.basics.names import find
from fewshot_bench.cells import folders
from fewshot_bench.cells.cell import Cell
from fewshot_bench.data.datasets import DATASETS
from fewshot_bench.data.splits import PARTS, read_split
from fewshot_bench.learners.smoke_test import build_tried
from fewshot_bench.training.out_of_memory import out_of_memory
from fewshot_bench.training.planning import first_plan
from fewshot_bench.training.rehearsal import named_from_outside, rehearse_cell

_TRAINING = {
    "ways": 2,
    "shots": 1,
    "iterations": 0,
    "iterations_per_epoch": 1,
    "tasks_per_batch": 1,
    "queries": 1,
    "inner_steps": 0,
}
_LOWEST = {
    "training": {**_TRAINING, "init_seed": 0},
    "evaluation": {"tasks": 2, "seed": 0, "ensemble": 1, "queries": 1, "inner_steps": 0},
}


def impossible(cell: Cell) -> list[str]:
    """A sentence for each thing about a cell that cannot be."""
    faults = []
    for name, lowest in _LOWEST.items():
        section = getattr(cell, name)
        for key, least in lowest.items():
            value = getattr(section, key)
            if value is not None and value < least:
                faults.append(f"[{name}]: `{key}` is {value}, but has to be at least {least}.")
    dataset = DATASETS[cell.dataset]
    for kind, shots, queries in (
        ("training", cell.train_shots, cell.training.queries),
        ("evaluation", cell.shots, cell.test_queries),
    ):
        if shots + queries > dataset.examples:
            faults.append(
                f"{counted(shots, 'shot')} + {counted(queries, 'query')} a class ({kind}) make "
                f"{counted(shots + queries, 'image')}, but {cell.dataset} has {dataset.examples} of each class."
            )
    split = read_split(cell.dataset, cell.split)
    for part in PARTS:
        ways = cell.train_ways if part == "train" else cell.ways
        if ways > len(split.part(part)):
            there = counted(len(split.part(part)), f"{part} class")
            faults.append(f"{counted(ways, 'way')}: split {cell.split!r} of {cell.dataset} has {there}.")
    return faults


def unusable(cells: list[Cell]) -> list[str]:
    """A sentence for each backbone that two images of its cells show to be none: see learners.smoke_test."""
    faults = []
    kinds = dict.fromkeys((cell.backbone, cell.backbone_options, cell.dataset, cell.ways) for cell in cells)
    for name, options, dataset, ways in kinds:
        where = f"backbone {name!r} for {dataset}, {counted(ways, 'way')}"
        image = DATASETS[dataset].shape
        try:
            make = partial(find("backbone", name, BACKBONES), image, ways, **dict(options))
            build_tried(make, image, ways, seed=0)
        except BenchError as error:
            faults.append(f"{where}: {error}")
        except Exception as error:  # anything may go wrong in somebody's network; the sentence says what
            faults.append(
                f"{where}: {explained(error)} (the images of {dataset} are [n, {', '.join(map(str, image))}])"
            )
    return faults


def rehearse(cells: Sequence[Cell], directory: Path, device: str, given: dict[str, Any]) -> None:
    """Rehearses new cells that name a part by import path; of cells that differ in nothing relevant, only one.

    device, given: as the run will use them; see training.planning.find_plan. Raises GridError with one message for each
    cell that cannot be trained and evaluated (training/rehearsal.py).
    """
    kinds: dict[Cell, Cell] = {}
    for cell in cells:
        if named_from_outside(cell) and not folders.status(folders.folder_of(directory, cell)).get("plan"):
            training = replace(cell.training, iterations=min(cell.training.iterations, 1), init_seed=None)
            kinds.setdefault(replace(cell, seed=0, split="", training=training), cell)
    faults = []
    for cell in kinds.values():
        try:
            rehearse_cell(cell, first_plan(cell, device, given))
        except Exception as error:
            if isinstance(error, CellError):  # real images may give finite numbers; if not, it is the cell's own fault
                continue
            if out_of_memory(error):  # planning may find a plan that takes less memory
                continue
            which = f"{cell.learner} with {cell.backbone} and {cell.inner_optimizer}"
            faults.append(f"{which} on {cell.dataset}, {counted(cell.ways, 'way')}: {explained(error)}")
    if faults:
        raise GridError(faults, "the grid, found by a rehearsal on random images")
