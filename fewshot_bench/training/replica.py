"""A cell in training: its state and folder, and what is done with them outside of meta-steps.

It is begun or resumed, its metrics are written, it is validated, saved, and tested once.
"""

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
from fewshot_bench.training.evaluation import Predict, Scores, evaluate, predictions, tested_with
from fewshot_bench.training.meta_step import TrainingState, begin, restore, settled, stage, tensors_of
from fewshot_bench.training.records import Records, best_epochs, by_task, learned, result
from fewshot_bench.training.tasks import Stream


class Interrupted(Exception):  # noqa: N818  # not an error
    """Training was asked to stop. Everything is on disk, and the same command goes on from there."""


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


class Watch(NamedTuple):
    """Functions that are told of one cell.

    moment(at): called before each meta-step, before each batch of evaluation tasks of each ensemble member, and before
    each write. If it raises, the cell leaves the loop. ended(outcome): called once, with the content of result.json, or
    with the exception that ended the cell, Interrupted among them.
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
    unseen: list[dict[str, Tensor]] = field(default_factory=list)
    loss: float | None = None

    def tell(self, phase: str) -> None:
        epochs = self.state.epochs
        accuracy = epochs[-1]["val_accuracy"] if epochs else None
        self.watch.moment(Moment(phase, self.state.iteration, self.loss, accuracy))


def resumed(assembly: Assembly, folder: Path, watch: Watch, start: int | None = None) -> Replica:
    """The cell as its last checkpoint has it, or before its first meta-step.

    start: meta-steps done at the checkpoint to go on from, 0 being the beginning; None: the last sound checkpoint.
    """
    state = begin(assembly.learner, assembly.parts, assembly.cell.training.inner_steps, assembly.plan.device)
    found = checkpoint.newest(folder / CHECKPOINTS, "step", start)
    if found is not None:
        restore(state, found.tensors, found.facts["iteration"], found.facts["epochs"])
    records = Records(folder, None if found is None else state.iteration)
    if found is None:
        records.hyperparameters(learned(assembly, state, 0))
    return Replica(assembly, folder, watch, state, records, predictions(assembly))


def write_metrics(replica: Replica) -> None:
    """Waits for the meta-steps that the device is computing, and writes their metrics."""
    first = replica.state.iteration - len(replica.unseen)
    metrics = settled(replica.unseen, first)
    replica.unseen.clear()
    for done, values in enumerate(metrics, start=first + 1):
        replica.records.metrics(iteration=done, epoch=epoch_of(replica), **values)
    replica.loss = metrics[-1]["loss"]


def validate(replica: Replica, stop: Callable[[], bool]) -> None:
    """Scores the meta-parameters on the validation tasks and records the epoch.

    If it is interrupted, the cell goes on from its last checkpoint, at most half a minute of meta-steps earlier.
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
    """The one test, by the mean logits of the best epochs; writes and returns the content of result.json.

    All epochs adapt with the last statistics of the meta-optimizer.
    """
    assembly, state, records = replica.assembly, replica.state, replica.records
    _look(replica, "test", stop)
    if not state.epochs:  # an untrained network is validated too, for the table
        validate(replica, stop)
    chosen = best_of(replica)
    members = [member(state, replica.folder, record["file"]) for record in chosen]
    own, *others = tested_with(assembly)
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
    look = partial(_look, replica, phase, stop)
    return evaluate(replica.predict, members, now, tasks, cell.evaluation.tasks, batch_norm, look)


def _look(replica: Replica, phase: str, stop: Callable[[], bool]) -> None:
    """Tells of an evaluation under way. Raises Interrupted if it is to stop."""
    replica.tell(phase)
    if stop():
        raise Interrupted


def save(replica: Replica) -> None:
    """Writes records and a checkpoint that training can go on from."""
    if replica.unseen:
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
    return best_epochs(replica.state.epochs, replica.assembly.cell.evaluation.ensemble)


def member(state: TrainingState, folder: Path, file: str) -> Meta:
    """Meta-parameters of an epoch, in the order that programs know; files keep no order."""
    found = checkpoint.read_or_raise(folder / CHECKPOINTS / file)
    return {name: found.tensors[name].to(tensor.device) for name, tensor in state.meta.items()}
