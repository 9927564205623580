"""Validation of cells: values that do not fit together, options, networks, and a rehearsal of users' parts."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from fewshot_bench.basics.about import Traits
from fewshot_bench.basics.counting import counted
from fewshot_bench.basics.errors import BenchError, CellError, GridError, explained
from fewshot_bench.basics.memory import out_of_memory
from fewshot_bench.basics.names import find
from fewshot_bench.cells import folders
from fewshot_bench.cells.cell import NO_INNER_OPTIMIZER, Cell
from fewshot_bench.data.datasets import dataset_of, test_dataset_of
from fewshot_bench.data.splits import PARTS
from fewshot_bench.grid.files import TABLES
from fewshot_bench.inner_optimizers import INNER_OPTIMIZERS
from fewshot_bench.learners import LEARNERS

_TRAINING = {
    "ways": 1,
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


def value_faults(cell: Cell) -> list[str]:
    """A sentence for each invalid value of a cell, or combination of values."""
    faults = []
    for name, lowest in _LOWEST.items():
        section = getattr(cell, name)
        for key, least in lowest.items():
            value = getattr(section, key)
            if value is not None and value < least:
                faults.append(f"[{name}]: `{key}` is {value}, but has to be at least {least}.")
    known, tested = dataset_of(cell), test_dataset_of(cell)
    if known.loss != tested.loss:
        faults.append(
            f"[evaluation]: `dataset` is {tested.name!r}, whose loss is the {tested.loss}, but {known.name} has the "
            f"{known.loss}: one network cannot learn both. Name another dataset."
        )
    elif known.shape != tested.shape:
        here, there = ("x".join(map(str, one.shape)) for one in (known, tested))
        faults.append(
            f"[evaluation]: `dataset` is {tested.name!r}, whose images are {there}, but {known.name} has {here}, and a "
            "network has to take both. Take images of one shape, by the option `size` if the dataset has it."
        )
    if known.loss == "cross-entropy":
        for where, ways in (("", cell.ways), ("[training]: ", cell.train_ways)):
            if ways < 2:
                faults.append(f"{where}`ways` is {ways}, but has to be a whole number, at least 2.")
    elif cell.training.augmentation is not None:
        faults.append(f"[training]: `augmentation` is for images, and {cell.dataset} has none.")
    elif cell.training.rotations == "train":
        faults.append(f"[training]: `rotations` is 'train', but {cell.dataset} has no images that could be turned.")
    for kind, shots, queries in (
        ("training", cell.train_shots, cell.training.queries),
        ("evaluation", cell.shots, cell.test_queries),
    ):
        used = known if kind == "training" else tested
        if used.examples is not None and shots + queries > used.examples:
            faults.append(
                f"{counted(shots, 'shot')} + {counted(queries, 'query')} a class ({kind}) make "
                f"{counted(shots + queries, 'image')}, but {used.name} has {used.examples} of each class."
            )
    if cell.training.rotations == "train" and known.shape.height != known.shape.width:
        faults.append(
            f"[training]: `rotations` is 'train', but images of {cell.dataset} are {known.shape.height} x "
            f"{known.shape.width}, and only square ones can be turned."
        )
    for part in PARTS:
        ways = cell.train_ways if part == "train" else cell.ways
        used, split = (known, cell.split) if part == "train" else (tested, cell.test_split)
        classes = getattr(used.sizes(split), part)
        if ways > classes:
            there = counted(classes, f"{part} class")
            faults.append(f"{counted(ways, 'way')}: split {split!r} of {used.name} has {there}.")
    return faults


def learner_faults(cell: Cell, traits: Traits) -> list[str]:
    """A sentence for each setting that does not fit a learner of these traits."""
    faults = []
    if cell.train_ways != cell.ways and not traits.any_ways:
        faults.append(
            f"[training]: `ways` is {cell.train_ways} where tests have {counted(cell.ways, 'way')}, but {cell.learner} "
            "is trained on tasks of as many classes as it is tested on. Set the key for a learner that need not be, as "
            "in [learners.protonet]."
        )
    loss = dataset_of(cell).loss
    if loss != "cross-entropy" and traits.only_classes:
        faults.append(
            f"{cell.learner} is for classification, and {cell.dataset} is regression (its loss is the {loss}). Take "
            "another learner, such as maml."
        )
    if cell.inner_optimizer == NO_INNER_OPTIMIZER and traits.inner_loop:
        faults.append(
            f"{cell.learner} adapts by its inner optimizer, and {NO_INNER_OPTIMIZER!r} is for learners that have no "
            "inner loop. To see it without adaptation, set `inner_steps` = 0."
        )
    return faults


def check_parts(cells: Sequence[Cell], directory: Path, device: str, given: dict[str, Any]) -> None:
    """Tests the networks of all cells, and rehearses new cells that name a part by import path.

    device, given: those of the run; see training.planning.find_plan. Raises GridError with one message for each
    network that cannot be trained, or else for each cell that cannot (training/rehearsal.py).
    """
    check_names(cells)
    rehearse(cells, directory, device, given)


def check_names(cells: Sequence[Cell]) -> None:
    """Raises GridError if learners or inner optimizers reject their options, or if networks cannot be trained."""
    if faults := option_faults(cells) + network_faults(cells):
        raise GridError(faults, "the grid, found by making what it names")


def option_faults(cells: Sequence[Cell]) -> list[str]:
    """A sentence for each learner and inner optimizer that rejects the values of its options."""
    from fewshot_bench.learners.base import as_learner  # torch takes seconds to import

    faults = []
    for axis, table in (("learner", LEARNERS), ("inner_optimizer", INNER_OPTIMIZERS)):
        for name, options in dict.fromkeys((getattr(cell, axis), getattr(cell, f"{axis}_options")) for cell in cells):
            try:
                part = find(axis, name, table)(**dict(options))
                if axis == "learner":
                    as_learner(part)
            except Exception as error:  # a user's factory may raise any error
                faults.append(option_fault(axis, name, error))
    return faults


def option_fault(axis: str, name: str, error: Exception) -> str:
    """The sentence for an error that a factory raised for its options."""
    what = str(error) if isinstance(error, BenchError | ValueError) else f"{type(error).__name__}: {error}"
    return f'[{TABLES[axis]}."{name}"]: {what}'


def network_faults(cells: Sequence[Cell]) -> list[str]:
    """A sentence for each backbone that cannot be built for its cells' images, or fails the smoke test."""
    from fewshot_bench.training.assembly import build_network  # torch takes seconds to import

    faults = []
    kinds: dict[Any, Cell] = {}
    for cell in cells:
        kinds.setdefault((cell.backbone, cell.backbone_options, dataset_of(cell).shape, cell.ways), cell)
    for cell in kinds.values():
        where = f"backbone {cell.backbone!r} for {cell.dataset}, {counted(cell.ways, 'way')}"
        try:
            build_network(cell)
        except BenchError as error:
            faults.append(f"{where}: {error}")
        except Exception as error:  # a user's network may raise any error
            image = ", ".join(map(str, dataset_of(cell).shape))
            faults.append(f"{where}: {explained(error)} (the images of {cell.dataset} are [n, {image}])")
    return faults


def rehearse(cells: Sequence[Cell], directory: Path, device: str, given: dict[str, Any]) -> None:
    """Rehearses new cells that name a part by import path; of cells that differ in nothing relevant, only one.

    device, given: those of the run; see training.planning.find_plan. Raises GridError with one message for each
    cell that cannot be trained and evaluated (training/rehearsal.py).
    """
    from fewshot_bench.training.planning import first_plan
    from fewshot_bench.training.rehearsal import named_from_outside, rehearse_cell

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
