"""What cannot be: values that are fine by themselves and impossible together."""

import torch

from fewshot_bench.backbones import BACKBONES
from fewshot_bench.basics.names import find
from fewshot_bench.data.datasets import DATASETS
from fewshot_bench.data.splits import PARTS, read_split
from fewshot_bench.training.settings import Cell

_LOWEST = {
    "training": {"iterations": 0, "iterations_per_epoch": 1, "tasks_per_batch": 1, "queries": 1, "inner_steps": 0},
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
    for kind, queries in (("training", cell.training.queries), ("evaluation", cell.test_queries)):
        if cell.shots + queries > dataset.examples:
            faults.append(
                f"{cell.shots} shots + {queries} queries a class ({kind}) are {cell.shots + queries} images, "
                f"but {cell.dataset} has {dataset.examples} of each class."
            )
    split = read_split(cell.dataset, cell.split)
    for part in PARTS:
        if cell.ways > len(split.part(part)):
            faults.append(
                f"{cell.ways} ways: split {cell.split!r} of {cell.dataset} has {len(split.part(part))} {part} classes."
            )
    return faults


def unbuildable(cells: list[Cell]) -> list[str]:
    """A sentence for each backbone that cannot be built for its images and ways, tried once each without memory."""
    faults = []
    kinds = dict.fromkeys((cell.backbone, cell.backbone_options, cell.dataset, cell.ways) for cell in cells)
    for name, options, dataset, ways in kinds:
        try:
            with torch.device("meta"):
                find("backbone", name, BACKBONES)(DATASETS[dataset].shape, ways, **dict(options))
        except Exception as error:  # anything may go wrong in somebody's network; the sentence says what
            faults.append(f"backbone {name!r} for {dataset}, {ways} ways: {type(error).__name__}: {error}")
    return faults
