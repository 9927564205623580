"""The outer loop: meta-steps, a validation after each epoch, checkpoints, and one test at the end.

Cells that differ only in their seed are replicas: one program computes the gradients of all of them.
Each replica has its own folder, checkpoints and result. One that fails leaves the list, and the others go on.
"""

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from fewshot_bench.cells.folders import CHECKPOINTS
from fewshot_bench.learners.base import Gradient
from fewshot_bench.training import checkpoint
from fewshot_bench.training.assembly import Assembly
from fewshot_bench.training.gradients import gradients
from fewshot_bench.training.meta_step import Gradients, apply_gradient, batch
from fewshot_bench.training.records import learned
from fewshot_bench.training.replica import (
    Interrupted,
    Replica,
    best_of,
    epoch_of,
    save,
    test,
    validate,
    write_metrics,
)

SECONDS_BETWEEN_CHECKPOINTS = 30.0
STEPS_UNREAD = 25  # meta-steps begun on a device before their metrics are read, which waits for the device
POINTS_PER_EPOCH = 10  # how often learned hyperparameters are recorded


def train(replicas: Sequence[Replica], stop: Callable[[], bool]) -> None:
    """Trains replicas side by side, validates each after every epoch, and tests each once.

    All replicas start at the same meta-step and stop before the same one, so that they can be resumed together. An
    error in their shared program ends all of them.

    Args:
        replicas: From `begin_or_resume`.
        stop: Called before each meta-step and each chunk of an evaluation; training stops if it returns true.

    Raises:
        Interrupted: `stop()` returned true.
    """
    running = list(replicas)
    compute: Gradients | None = None
    saved = time.monotonic()
    try:
        while running and running[0].state.iteration < running[0].assembly.cell.training.iterations:
            _each(running, _tell_of_training)
            if running and stop():
                _each(running, save)
                raise Interrupted
            due = time.monotonic() - saved > SECONDS_BETWEEN_CHECKPOINTS
            saved = time.monotonic() if due else saved
            results: Sequence[Gradient | Exception]
            try:
                compute = compute or gradients(_with_shared_notes(running))
                batches = [batch(replica.assembly, replica.state.iteration) for replica in running]
                results = compute([replica.state for replica in running], batches)
            except Exception as error:
                results = [error] * len(running)
            _each(running, partial(_meta_step, running=running, save_now=due, stop=stop), results)
        _each(running, partial(test, stop=stop))
    except Interrupted as interruption:
        for replica in running:
            replica.watch.ended(interruption)
        raise


def _with_shared_notes(replicas: Sequence[Replica]) -> Assembly:
    """The first replica's assembly, with a `note` that passes notes on its programs to all replicas."""
    notes = [replica.assembly.note for replica in replicas]

    def note(text: str) -> None:
        for add_note in notes:
            add_note(text)

    return replicas[0].assembly._replace(note=note)


def _each(running: list[Replica], do: Callable[..., dict[str, Any] | None], *arguments: Sequence[Any]) -> None:
    """Calls `do` for each replica with its own arguments. A replica that fails or returns a result leaves the list."""
    for replica, *own in zip(list(running), *arguments, strict=True):
        outcome: dict[str, Any] | Exception | None
        try:
            outcome = do(replica, *own)
        except Interrupted:
            raise
        except Exception as error:
            outcome = error
        if outcome is not None:
            running.remove(replica)
            replica.watch.ended(outcome)


def _tell_of_training(replica: Replica) -> None:
    replica.tell("training")


def _meta_step(
    replica: Replica,
    result: Gradient | Exception,
    *,
    running: Sequence[Replica],
    save_now: bool,
    stop: Callable[[], bool],
) -> None:
    """Updates the meta-parameters, and validates them at the end of an epoch. save_now: whether a checkpoint is due."""
    if isinstance(result, Exception):
        raise result
    assembly, state, settings = replica.assembly, replica.state, replica.assembly.cell.training
    replica.unread.append(apply_gradient(assembly, state, result))
    epoch_ends = state.iteration % settings.iterations_per_epoch == 0 or state.iteration == settings.iterations
    if epoch_ends or save_now or len(replica.unread) >= (1 if assembly.plan.device == "cpu" else STEPS_UNREAD):
        write_metrics(replica)
    if epoch_ends or state.iteration % max(1, settings.iterations_per_epoch // POINTS_PER_EPOCH) == 0:
        replica.records.hyperparameters(learned(assembly, state, epoch_of(replica)))
    if epoch_ends:
        # Once one replica has finished this validation, the others must finish it too, or they would resume from an
        # earlier meta-step.
        others_ahead = any(len(other.state.epochs) > len(state.epochs) for other in running)
        validate(replica, _never if others_ahead else stop)
    if epoch_ends or save_now:
        save(replica)
    if epoch_ends:
        checkpoint.keep_epochs(replica.folder / CHECKPOINTS, [record["file"] for record in best_of(replica)])


def _never() -> bool:
    return False
