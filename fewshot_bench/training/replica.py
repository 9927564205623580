"""Replicas, which are cells in training: how they begin or resume, are validated, saved and tested."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from fewshot_bench.basics.files import write_text
from fewshot_bench.cells.folders import CHECKPOINTS, RESULT
from fewshot_bench.learners.base import BatchNorm, Meta
from fewshot_bench.training import checkpoint
from fewshot_bench.training.assembly import Assembly
from fewshot_bench.training.evaluation import Predict, Scores, evaluate, predictions, test_batch_norms
from fewshot_bench.training.meta_step import TrainingState, begin, read_metrics, restore, stage, tensors_of
from fewshot_bench.training.records import Records, best_epochs, by_task, learned, result
from fewshot_bench.training.tasks import Stream


class Interrupted(Exception):  # noqa: N818  # not an error
    """Training was stopped. Everything is on disk, and the same command resumes it."""


class Moment(NamedTuple):
    """The progress of a cell at one time.

    phase: "waiting" (for a process that held the cell and gives no sign of life), "planning", "building", "training",
    "validation", "test", or "writing" (of results or a checkpoint). iteration: meta-steps done. loss: of the last
    meta-step. accuracy: of the last validation.
    """

    phase: str
    iteration: int
    loss: float | None
    accuracy: float | None


class Watch(NamedTuple):
    """The callbacks of one cell.

    moment(at): called before each meta-step, before each chunk of evaluation tasks of each ensemble member, and before
    each write. If it raises an error, the cell leaves the loop. ended(outcome): called once, with the content of
    result.json or the exception that ended the cell, such as Interrupted.
    """

    moment: Callable[[Moment], None]
    ended: Callable[[dict[str, Any] | Exception], None]


@dataclass
class Replica:
    """A cell in training. unseen: metrics of meta-steps that the device may not be done with; loss: of the last."""

    assembly: Assembly
    folder: Path
    watch: Watch
    state: TrainingState
    records: Records
    predict: Predict
    unread: list[dict[str, Tensor]] = field(default_factory=list)
    loss: float | None = None

    def tell(self, phase: str) -> None:
        """Tells the watch of the replica's progress."""
        epochs = self.state.epochs
        accuracy = epochs[-1]["val_accuracy"] if epochs else None
        self.watch.moment(Moment(phase, self.state.iteration, self.loss, accuracy))


def begin_or_resume(assembly: Assembly, folder: Path, watch: Watch, start: int | None = None) -> Replica:
    """The cell at its last checkpoint, or before its first meta-step.

    start: meta-steps done at the checkpoint to resume from, 0 for the beginning; None: the last undamaged checkpoint.
    """
    state = begin(assembly.learner, assembly.parts, assembly.cell.training.inner_steps, assembly.plan.device)
    saved = checkpoint.newest(folder / CHECKPOINTS, "step", start)
    if saved is not None:
        restore(state, saved.tensors, saved.facts["iteration"], saved.facts["epochs"])
    records = Records(folder, None if saved is None else state.iteration)
    if saved is None:
        records.hyperparameters(learned(assembly, state, 0))
    return Replica(assembly, folder, watch, state, records, predictions(assembly))


def write_metrics(replica: Replica) -> None:
    """Waits until the device has computed its meta-steps, and writes their metrics."""
    first = replica.state.iteration - len(replica.unread)
    metrics = read_metrics(replica.unread, first)
    replica.unread.clear()
    for done, values in enumerate(metrics, start=first + 1):
        replica.records.metrics(iteration=done, epoch=epoch_of(replica), **values)
    replica.loss = metrics[-1]["loss"]


def validate(replica: Replica, stop: Callable[[], bool]) -> None:
    """Scores the meta-parameters on the validation tasks and records the epoch.

    If it is interrupted, the cell resumes from its last checkpoint, at most half a minute of meta-steps earlier.
    """
    state, folder = replica.state, replica.folder / CHECKPOINTS
    batch_norm = replica.assembly.learner.traits.batch_norm
    scores = _scores(replica, replica.assembly.streams.val, [state.meta], batch_norm, "validation", stop)
    number = len(state.epochs) + 1
    replica.tell("writing")
    file = checkpoint.write(folder, "epoch", number, state.meta, {"iteration": state.iteration})
    record = {"epoch": number, "iteration": state.iteration, "val_accuracy": float(scores.accuracy.mean())}
    state.epochs.append(record | {"val_loss": float(scores.loss.mean()), "file": file})
    replica.records.metrics(**{key: value for key, value in state.epochs[-1].items() if key != "file"})
    replica.records.episodes(by_task("val", state.iteration, scores))


def test(replica: Replica, stop: Callable[[], bool]) -> dict[str, Any]:
    """Tests the mean logits of the best epochs; writes and returns the content of result.json.

    All epochs adapt with the last statistics of the meta-optimizer.
    """
    assembly, state, records = replica.assembly, replica.state, replica.records
    _tell_or_stop(replica, "test", stop)
    if not state.epochs:  # an untrained network is validated too, for the table
        validate(replica, stop)
    chosen = best_of(replica)
    members = [member(state, replica.folder, record["file"]) for record in chosen]
    own, *others = test_batch_norms(assembly)
    scores = _scores(replica, assembly.streams.test, members, own, "test", stop)
    records.episodes(by_task("test", state.iteration, scores))
    also: dict[str, Scores] = {}
    for other in others:
        also[other] = _scores(replica, assembly.streams.test, members, other, "test", stop)
        records.episodes(by_task(f"test {other}", state.iteration, also[other]))
    records.flush()
    content = result(assembly, state, chosen, scores, also)
    replica.tell("writing")
    write_text(replica.folder / RESULT, json.dumps(content, indent=1, allow_nan=False) + "\n")
    return content


def _scores(
    replica: Replica, tasks: Stream, members: list[Meta], batch_norm: BatchNorm, phase: str, stop: Callable[[], bool]
) -> Scores:
    cell = replica.assembly.cell
    now = stage(replica.state, cell.test_steps, cell.training.iterations_per_epoch)
    before_chunk = partial(_tell_or_stop, replica, phase, stop)
    count, objective = cell.evaluation.tasks, replica.assembly.parts.objective
    return evaluate(replica.predict, members, now, tasks, count, batch_norm, before_chunk, objective)


def _tell_or_stop(replica: Replica, phase: str, stop: Callable[[], bool]) -> None:
    """Tells the watch of an evaluation. Raises Interrupted if `stop()` is true."""
    replica.tell(phase)
    if stop():
        raise Interrupted


def save(replica: Replica) -> None:
    """Writes the records, and a checkpoint from which training can resume."""
    if replica.unread:
        write_metrics(replica)
    replica.tell("writing")
    replica.records.flush()
    folder, state = replica.folder / CHECKPOINTS, replica.state
    facts = {"iteration": state.iteration, "epochs": state.epochs}
    checkpoint.write(folder, "step", state.iteration, tensors_of(state), facts)
    checkpoint.keep_last(folder, "step")


def epoch_of(replica: Replica) -> int:
    """The epoch, from 0, of the last meta-step."""
    return (replica.state.iteration - 1) // replica.assembly.cell.training.iterations_per_epoch


def best_of(replica: Replica) -> list[dict[str, Any]]:
    """The records of the epochs that form the ensemble, the best by validation."""
    return best_epochs(replica.state.epochs, replica.assembly.cell.evaluation.ensemble)


def member(state: TrainingState, folder: Path, file: str) -> Meta:
    """Meta-parameters of an epoch's checkpoint, in the order of `state`; files keep no order."""
    saved = checkpoint.read_or_raise(folder / CHECKPOINTS / file)
    return {name: saved.tensors[name].to(tensor.device) for name, tensor in state.meta.items()}
