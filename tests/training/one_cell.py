"""One cell trained by itself, without a grid."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from fewshot_bench.training.assembly import Assembly
from fewshot_bench.training.loop import train
from fewshot_bench.training.plan import as_planned
from fewshot_bench.training.replica import Moment, Watch, begin_or_resume


def train_one(assembly: Assembly, folder: Path, watch: Callable[[Moment], bool]) -> dict[str, Any]:
    """Trains and tests one cell, and returns the content of result.json. Raises the error that ended the cell early.

    watch: called with each moment; training stops if it returns true.
    """
    outcomes: list[dict[str, Any] | Exception] = []
    stopping = [False]

    def moment(at: Moment) -> None:
        stopping[0] = watch(at)

    with as_planned(assembly.plan):
        train([begin_or_resume(assembly, folder, Watch(moment, outcomes.append))], lambda: stopping[0])
    if isinstance(outcomes[0], Exception):
        raise outcomes[0]
    return outcomes[0]
