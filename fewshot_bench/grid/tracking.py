"""Live tracking of a run in TensorBoard (event files) or wandb (offline runs), as an optional listener.

Everything that is logged is also on disk, in metrics.jsonl and result.json. A tracker only shows it during the run.
"""

import importlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from fewshot_bench.basics.errors import BenchError
from fewshot_bench.basics.names import unknown
from fewshot_bench.cells import folders
from fewshot_bench.cells.cell import Cell
from fewshot_bench.cells.config_file import to_table
from fewshot_bench.cells.folders import RESULT
from fewshot_bench.grid.cell_run import Listener
from fewshot_bench.training.replica import Moment


class Track(NamedTuple):
    """One cell's run in a tracker. log(values by name, meta-step); close(status, reason) when the cell ends."""

    log: Callable[[dict[str, float], int], None]
    close: Callable[[str, str], None]


Open = Callable[[Cell, int], Track]
"""(cell, meta-steps done) -> the cell's run in the tracker."""


def _tensorboard(folder: Path, stack: ExitStack) -> Open:
    """One folder of event files per cell, for `tensorboard --logdir <results>/tensorboard`."""
    make: Any = _imported("tensorboard", "torch.utils.tensorboard").SummaryWriter

    def start(cell: Cell, done: int) -> Track:
        writer = make(str(folder / cell.id), purge_step=done + 1)  # later points of an interrupted run are replaced

        def log(values: dict[str, float], step: int) -> None:
            for name, value in values.items():
                writer.add_scalar(name, value, step)

        def close(status: str, reason: str) -> None:
            writer.add_text("status", f"{status}: {reason}" if reason else status)
            writer.close()

        return Track(log, close)

    return start


def _wandb(folder: Path, stack: ExitStack) -> Open:
    """One offline run per cell; nothing is sent."""
    stack.enter_context(_environment(**QUIET))
    wandb = _imported("wandb", "wandb")
    folder.mkdir(parents=True, exist_ok=True)

    def start(cell: Cell, done: int) -> Track:
        run = wandb.init(
            project="fewshot-bench",
            name=cell.id,
            group=f"{cell.learner} {cell.backbone} {cell.inner_optimizer}",
            config=to_table(cell),
            dir=str(folder.parent),  # wandb makes a folder `wandb` there
            mode="offline",
            reinit="create_new",
        )

        def log(values: dict[str, float], step: int) -> None:
            run.log({**values, "meta_step": step})  # as a value: wandb drops steps that are not newer

        def close(status: str, reason: str) -> None:
            run.summary.update({"status": status, "reason": reason})
            run.finish(exit_code=0 if status == folders.DONE else 1)

        run.define_metric("meta_step")
        run.define_metric("*", step_metric="meta_step")
        return Track(log, close)

    return start


TRACKERS: dict[str, Callable[[Path, ExitStack], Open]] = {"tensorboard": _tensorboard, "wandb": _wandb}
"""Kind -> (folder, exit stack) -> function that opens a cell's run."""


def _imported(package: str, module: str) -> Any:
    """The module. Raises BenchError if the extra is not installed."""
    try:
        importlib.import_module(package)
        return importlib.import_module(module)
    except ImportError as error:
        raise BenchError(
            f"--track {package} needs {package} ({error}): `uv sync --extra track`, or "
            "`pip install 'fewshot-bench[track]'`."
        ) from error


QUIET = {
    "WANDB_MODE": "offline",
    "WANDB_ERROR_REPORTING": "false",
    "WANDB_SILENT": "true",
    "WANDB_CONSOLE": "off",
    "WANDB_DISABLE_GIT": "true",
    "WANDB_DISABLE_CODE": "true",
}
"""Environment of wandb during a run: offline, silent, and without copies of source code."""


@contextmanager
def _environment(**values: str) -> Iterator[None]:
    """Set environment variables while the block lasts."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@dataclass
class Logged:
    """The last values logged of a cell, so that no value is logged twice."""

    track: Track
    loss: float | None = None
    validated: int = 0


@contextmanager
def tracked(listener: Listener, kind: str, directory: Path) -> Iterator[Listener]:
    """A listener that also logs to a tracker while the block lasts: one run per cell, in `directory`/<kind>.

    It logs "loss" at each meta-step, "val_accuracy" at each validation, and "test_accuracy" at the end.

    Args:
        listener: The listener to extend.
        kind: "tensorboard", or "wandb". wandb runs are kept offline; `wandb sync` uploads them.
        directory: The folder of results.

    Raises:
        BenchError: If the kind is unknown, or if its extra is not installed.
    """
    if kind not in TRACKERS:
        raise BenchError(unknown("tracker", kind, TRACKERS))
    runs: dict[str, Logged] = {}
    given_up: set[str] = set()

    def moment(cell: Cell, at: Moment) -> None:
        listener.moment(cell, at)
        if at.phase in ("training", "validation", "test") and cell.id not in given_up:
            with errors_reported(cell.id):
                if cell.id not in runs:
                    runs[cell.id] = Logged(start(cell, at.iteration))
                _log(cell, at, runs[cell.id])

    def ended(cell: Cell, status: str, reason: str) -> None:
        run = runs.pop(cell.id, None)
        if run is not None:
            with errors_reported(cell.id):
                if status == folders.DONE:
                    result = json.loads((folders.folder_of(directory, cell) / RESULT).read_text(encoding="utf-8"))
                    run.track.log(_named("test", result["test_accuracy"]), result["iterations"])
                run.track.close(status, reason)
        listener.ended(cell, status, reason)

    @contextmanager
    def errors_reported(name: str) -> Iterator[None]:
        """Report an error of the tracker once; the cell goes on without it."""
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
                with errors_reported(name):
                    run.track.close(folders.QUEUED, "interrupted")


def _named(part: str, score: float) -> dict[str, float]:
    """A score by its name: an accuracy, or the mean squared error of regression, whose score is negative."""
    return {f"{part}_accuracy": score} if score >= 0 else {f"{part}_squared_error": -score}


def _log(cell: Cell, at: Moment, run: Logged) -> None:
    """Log a new loss, which is that of the last meta-step, and a new accuracy, which is that of the last validation."""
    if at.loss is not None and at.loss != run.loss and at.iteration > 0:
        run.track.log({"loss": at.loss}, at.iteration)
        run.loss = at.loss
    if at.phase == "validation" or at.accuracy is None:  # during a validation, the accuracy is the previous one
        return
    per_epoch = cell.training.iterations_per_epoch
    validated = at.iteration if at.phase == "test" else at.iteration // per_epoch * per_epoch
    if validated > run.validated:
        run.track.log(_named("val", at.accuracy), validated)
        run.validated = validated
