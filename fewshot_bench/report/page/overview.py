"""What a folder is, before any number: how many cells of what, and what became of them."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from fewshot_bench.report.page.said import status
from fewshot_bench.report.page.words import counted, duration, optimizer, task
from fewshot_bench.report.reading import STATUSES, Cell

_MANY = 8  # names of one kind that are written out


class Fact(NamedTuple):
    """A name and what stands beside it."""

    name: str
    value: str


def overview(cells: Sequence[Cell]) -> list[Fact]:
    """In the order in which a reader asks."""
    readable = [cell for cell in cells if cell.config]
    counts = Counter(cell.status for cell in cells)
    states = ", ".join(f"{counts[one]:,} {one}" for one in STATUSES if counts[one])
    named = {
        "tasks": [task(cell.config) for cell in readable],
        "learners": [str(cell.config["learner"]) for cell in readable],
        "networks": [str(cell.config["backbone"]) for cell in readable],
        "inner optimizers": [optimizer(cell.config) for cell in readable],
        "seeds": [str(seed) for seed in sorted({cell.seed for cell in readable})],
        "meta-steps": [f"{steps:,}" for steps in sorted({_steps(cell) for cell in readable})],
    }
    spent = sum(cell.seconds or 0.0 for cell in cells)
    facts = [Fact("cells", f"{len(cells):,}: {states}")]
    facts += [Fact(name, _listed(values)) for name, values in named.items() if values]
    facts.append(Fact("time", f"{duration(spent)} of computing, all cells together"))
    begun = sorted(day for cell in cells if (day := str(status(cell).get("started", ""))[:10]))
    if begun:
        facts.append(Fact("begun", begun[0] if begun[0] == begun[-1] else f"{begun[0]} to {begun[-1]}"))
    return facts


def _steps(cell: Cell) -> int:
    planned = cell.config.get("training", {}).get("iterations")
    return planned if isinstance(planned, int) else 0


def _listed(values: Sequence[str]) -> str:
    """Each once; of many the first."""
    names = list(dict.fromkeys(values))
    shown = ", ".join(names[:_MANY])
    return shown if len(names) <= _MANY else f"{shown} and {counted(len(names) - _MANY, 'more', 'more')}"
