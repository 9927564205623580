"""The outer loop of one cell: train, validate after each epoch, test once, write result.json."""

import json
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from fewshot_bench.basics.files import write_text
from fewshot_bench.cells.folders import CHECKPOINTS, RESULT
from fewshot_bench.hypergradients.problem import Task
from fewshot_bench.learners.base import BatchNorm, Gradient, Meta
from fewshot_bench.training import checkpoint
from fewshot_bench.training.assembly import Assembly
from fewshot_bench.training.evaluation import Predict, Scores, evaluate, predictions
from fewshot_bench.training.records import Records
from fewshot_bench.training.result import best_epochs, result
from fewshot_bench.training.rows import by_task, learned
from fewshot_bench.training.state import TrainingState, begin, restore, stage, tensors_of
from fewshot_bench.training.step import batch, settled, take
from fewshot_bench.training.tasks import Stream

STEPS_UNSEEN = 25  # meta-steps begun on a device before their metrics are looked at, which waits for it
POINTS_PER_EPOCH = 10  # how often learned hyperparameters are written down


class Interrupted(Exception):  # noqa: N818  # not an error
    """Training was asked to stop; all is on disk, and the same command goes on from there."""


class Moment(NamedTuple):
    """How far a cell is.

    phase: "training", "validation" or "test", and "writing" before results or a checkpoint are written; before
    these, "waiting" (for a process that had the cell and is silent), "planning" and "building". loss: of the last
    meta-step; accuracy: of the last validation.
    """

    phase: str
    iteration: int
    loss: float | None
    accuracy: float | None


Watch = Callable[[Moment], bool]
"""Called before each meta-step, and in an evaluation before each batch of tasks of each ensemble member. True asks the
cell to stop there. Before a write it may raise, if another process has taken the folder.
"""


class Wanted(NamedTuple):
    """What a cell waits for: the gradients of its next batch of tasks."""

    assembly: Assembly
    state: TrainingState
    tasks: Task


class Answer(NamedTuple):
    """The gradients of a batch, stacked, and whether the cell is to write a checkpoint after using them."""

    found: Gradient
    save: bool


def run(
    assembly: Assembly, folder: Path, watch: Watch, start: int | None = None
) -> Generator[Wanted, Answer, dict[str, Any]]:
    """Trains and evaluates a cell in its folder; returns result.json's content. To be driven: see driving.py.

    start: meta-steps done at the checkpoint to go on from, 0 being the beginning; None: the last checkpoint that there
    is. Raises CellError where it cannot go on, BenchError where the disk takes no file, Interrupted where `watch` said
    so.
    """
    state = begin(assembly.learner, assembly.parts, assembly.cell.training.inner_steps, assembly.plan.device)
    found = checkpoint.newest(folder / CHECKPOINTS, "step", start)
    if found is not None:
        restore(state, found.tensors, found.facts["iteration"], found.facts["epochs"])
    records = Records(folder, None if found is None else state.iteration)
    if found is None:
        records.hyperparameters(learned(assembly, state, 0))
    predict = predictions(assembly)
    yield from _train(assembly, predict, folder, watch, state, records)
    content = _test(assembly, predict, folder, watch, state, records)
    watch(_moment("writing", state, None))
    write_text(folder / RESULT, json.dumps(content, indent=1, allow_nan=False) + "\n")
    return content


def _train(
    assembly: Assembly, predict: Predict, folder: Path, watch: Watch, state: TrainingState, records: Records
) -> Generator[Wanted, Answer, None]:
    settings = assembly.cell.training
    at_most = 1 if assembly.plan.device == "cpu" else STEPS_UNSEEN
    unseen: list[dict[str, Tensor]] = []  # metrics of meta-steps that the device may not be done with
    loss, save = None, False
    while state.iteration < settings.iterations:
        stop = watch(_moment("training", state, loss))
        epoch = state.iteration // settings.iterations_per_epoch
        if not stop:
            found, save = yield Wanted(assembly, state, batch(assembly, state.iteration))
            unseen.append(take(assembly, state, found))
        ended = not stop and (
            state.iteration % settings.iterations_per_epoch == 0 or state.iteration == settings.iterations
        )
        if unseen and (stop or ended or save or len(unseen) >= at_most):
            loss = _write_metrics(records, state, epoch, unseen)
        if not stop and (ended or state.iteration % max(1, settings.iterations_per_epoch // POINTS_PER_EPOCH) == 0):
            records.hyperparameters(learned(assembly, state, epoch))
        if ended:
            _validate(assembly, predict, folder, watch, state, records, loss)
        if stop or ended or save:
            watch(_moment("writing", state, loss))
            _save(folder, state, records)
        if ended:
            checkpoint.keep_epochs(folder / CHECKPOINTS, [best["file"] for best in _best(assembly, state)])
        if stop:
            raise Interrupted


def _write_metrics(records: Records, state: TrainingState, epoch: int, unseen: list[dict[str, Tensor]]) -> float:
    """Waits for the last meta-steps, writes their metrics down and forgets them; returns the last loss."""
    first = state.iteration - len(unseen)
    metrics = settled(unseen, first)
    unseen.clear()
    for done, values in enumerate(metrics, start=first + 1):
        records.metrics(iteration=done, epoch=epoch, **values)
    return metrics[-1]["loss"]


def _validate(
    assembly: Assembly,
    predict: Predict,
    folder: Path,
    watch: Watch,
    state: TrainingState,
    records: Records,
    loss: float | None = None,
) -> None:
    """Scores the meta-parameters on the validation tasks and writes them down.

    A validation may be long, so it can be interrupted; the cell then resumes from its last checkpoint, at most half a
    minute of meta-steps earlier. loss: of the last meta-step.
    """
    batch_norm = assembly.learner.traits.batch_norm
    look = _stop_check(watch, _moment("validation", state, loss))
    scores = _scores(assembly, predict, state, assembly.streams.val, [state.meta], batch_norm, look)
    epoch = len(state.epochs) + 1
    watch(_moment("writing", state, None))
    file = checkpoint.write(folder / CHECKPOINTS, "epoch", epoch, state.meta, {"iteration": state.iteration})
    record = {"epoch": epoch, "iteration": state.iteration, "val_accuracy": float(scores.accuracy.mean())}
    state.epochs.append(record | {"val_loss": float(scores.loss.mean()), "file": file})
    records.metrics(**{key: value for key, value in state.epochs[-1].items() if key != "file"})
    records.episodes(by_task("val", state.iteration, scores))


def _test(
    assembly: Assembly, predict: Predict, folder: Path, watch: Watch, state: TrainingState, records: Records
) -> dict[str, Any]:
    """The one test: the mean logits of the best epochs, all from the last statistics of the meta-optimizer."""
    look = _stop_check(watch, _moment("test", state, None))
    look()
    batch_norm = assembly.learner.traits.batch_norm
    if not state.epochs:  # an untrained network: validated too, for the table
        _validate(assembly, predict, folder, watch, state, records)
    best = _best(assembly, state)
    members = [member(state, folder, record["file"]) for record in best]
    scores = _scores(assembly, predict, state, assembly.streams.test, members, batch_norm, look)
    records.episodes(by_task("test", state.iteration, scores))
    also: dict[str, Scores] = {}
    if assembly.cell.evaluation.both_batch_norms:
        other: BatchNorm = "inductive" if batch_norm == "transductive" else "transductive"
        also[other] = _scores(assembly, predict, state, assembly.streams.test, members, other, look)
        records.episodes(by_task(f"test {other}", state.iteration, also[other]))
    records.flush()
    return result(assembly, state, best, scores, also)


def _scores(
    assembly: Assembly,
    predict: Predict,
    state: TrainingState,
    tasks: Stream,
    members: list[Meta],
    batch_norm: BatchNorm,
    look: Callable[[], None],
) -> Scores:
    now = stage(state, assembly.cell.test_steps, assembly.cell.training.iterations_per_epoch)
    return evaluate(predict, members, now, tasks, assembly.cell.evaluation.tasks, batch_norm, look)


def _best(assembly: Assembly, state: TrainingState) -> list[dict[str, Any]]:
    return best_epochs(state.epochs, assembly.cell.evaluation.ensemble)


def member(state: TrainingState, folder: Path, file: str) -> Meta:
    """Meta-parameters of an epoch, in the order that a program knows; files have none."""
    found = checkpoint.read_or_raise(folder / CHECKPOINTS / file)
    return {name: found.tensors[name].to(tensor.device) for name, tensor in state.meta.items()}


def _save(folder: Path, state: TrainingState, records: Records) -> None:
    records.flush()
    facts = {"iteration": state.iteration, "epochs": state.epochs}
    checkpoint.write(folder / CHECKPOINTS, "step", state.iteration, tensors_of(state), facts)
    checkpoint.keep_last(folder / CHECKPOINTS, "step")


def _stop_check(watch: Watch, at: Moment) -> Callable[[], None]:
    """A function that reports the moment to `watch`, and raises Interrupted if that asks to stop."""

    def look() -> None:
        if watch(at):
            raise Interrupted

    return look


def _moment(phase: str, state: TrainingState, loss: float | None) -> Moment:
    return Moment(phase, state.iteration, loss, state.epochs[-1]["val_accuracy"] if state.epochs else None)
