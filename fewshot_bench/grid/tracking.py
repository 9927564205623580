"""A run as TensorBoard or wandb shows it: one small adapter around whoever follows the grid. Nothing needs it.

What is logged is on disk anyway, in metrics.jsonl and result.json; a tracker only draws it while it comes.
"""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from fewshot_bench.basics.errors import BenchError
from fewshot_bench.basics.names import unknown
from fewshot_bench.cells import folders
from fewshot_bench.cells.cell import Cell
from fewshot_bench.cells.folders import RESULT
from fewshot_bench.grid.attempt import Listener
from fewshot_bench.grid.trackers import TRACKERS, Track
from fewshot_bench.training.replica import Moment


@dataclass
class Seen:
    """What was logged of a cell last, so that nothing is logged twice."""

    track: Track
    loss: float | None = None
    validated: int = 0


@contextmanager
def tracked(listener: Listener, kind: str, directory: Path) -> Iterator[Listener]:
    """The listener, whose cells are also logged while the block lasts: a run a cell, in `directory`/<kind>.

    "loss" at each meta-step, "val_accuracy" at each validation, "test_accuracy" at the end. kind: "tensorboard" or
    "wandb", which is kept offline (`wandb sync` sends it where and when you like). Raises BenchError for another kind,
    and where the extra is not installed.
    """
    if kind not in TRACKERS:
        raise BenchError(unknown("tracker", kind, TRACKERS))
    runs: dict[str, Seen] = {}
    given_up: set[str] = set()

    def moment(cell: Cell, at: Moment) -> None:
        listener.moment(cell, at)
        if at.phase in ("training", "validation", "test") and cell.id not in given_up:
            with never_in_the_way(cell.id):
                if cell.id not in runs:
                    runs[cell.id] = Seen(start(cell, at.iteration))
                _log(cell, at, runs[cell.id])

    def ended(cell: Cell, status: str, reason: str) -> None:
        run = runs.pop(cell.id, None)
        if run is not None:
            with never_in_the_way(cell.id):
                if status == folders.DONE:
                    result = json.loads((folders.folder_of(directory, cell) / RESULT).read_text(encoding="utf-8"))
                    run.track.log({"test_accuracy": result["test_accuracy"]}, result["iterations"])
                run.track.close(status, reason)
        listener.ended(cell, status, reason)

    @contextmanager
    def never_in_the_way(name: str) -> Iterator[None]:
        """What goes wrong with a tracker is told, once, and the cell goes on."""
        try:
            yield
        except Exception as error:
            given_up.add(name)
            listener.say(f"{name} is not tracked: {type(error).__name__}: {error}")

    with ExitStack() as stack:
        start = TRACKERS[kind](directory / kind, stack)
        try:
            yield listener._replace(moment=moment, ended=ended)
        finally:
            for name, run in runs.items():
                with never_in_the_way(name):
                    run.track.close(folders.QUEUED, "interrupted")


def _log(cell: Cell, at: Moment, run: Seen) -> None:
    """A loss that is new is that of the meta-step just done; an accuracy, that of the last validation before it."""
    if at.loss is not None and at.loss != run.loss and at.iteration > 0:
        run.track.log({"loss": at.loss}, at.iteration)
        run.loss = at.loss
    if at.phase == "validation" or at.accuracy is None:  # the accuracy is that of the validation before
        return
    per_epoch = cell.training.iterations_per_epoch
    validated = at.iteration if at.phase == "test" else at.iteration // per_epoch * per_epoch
    if validated > run.validated:
        run.track.log({"val_accuracy": at.accuracy}, validated)
        run.validated = validated
