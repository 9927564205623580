"""What a folder is, before any number: how many cells of what, and what became of them."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from fewshot_bench.cells.folders import STATUSES
from fewshot_bench.cells.reading import CellFolder
from fewshot_bench.report.page.words import duration, optimizer, task

_MANY = 8  # names of one kind that are written out


class Fact(NamedTuple):
    """A name and what stands beside it."""

    name: str
    values: tuple[str, ...]


def overview(cells: Sequence[CellFolder]) -> list[Fact]:
    """In the order in which a reader asks."""
    readable = [cell for cell in cells if cell.config]
    counts = Counter(cell.status for cell in cells)
    named = {
        "cells": [f"{counts[one]:,} {one}" for one in STATUSES if counts[one]],
        "tasks": [task(cell.config) for cell in readable],
        "learners": [str(cell.config["learner"]) for cell in readable],
        "networks": [str(cell.config["backbone"]) for cell in readable],
        "inner optimizers": [optimizer(cell.config) for cell in readable],
        "seeds": [str(seed) for seed in sorted({cell.seed for cell in readable})],
        "meta-steps": [f"{steps:,}" for steps in sorted({_steps(cell) for cell in readable})],
        "time of all": [duration(sum(cell.seconds or 0.0 for cell in cells))],
        "begun": _span(sorted(day for cell in cells if (day := str(cell.said.get("started", ""))[:10]))),
    }
    return [Fact(name, _listed(values)) for name, values in named.items() if values]


def _steps(cell: CellFolder) -> int:
    planned = cell.config.get("training", {}).get("iterations")
    return planned if isinstance(planned, int) else 0


def _span(days: Sequence[str]) -> list[str]:
    """The first and the last of sorted days."""
    return list(dict.fromkeys([days[0], days[-1]])) if days else []


def _listed(values: Sequence[str]) -> tuple[str, ...]:
    """Each once; of many the first."""
    names = list(dict.fromkeys(values))
    return (*names[:_MANY], *([f"{len(names) - _MANY:,} more"] if len(names) > _MANY else []))
