"""One meta-step: the mean of the tasks' gradients moves the meta-parameters."""

import math

import torch
from torch import Tensor

from fewshot_bench.basics.errors import CellError
from fewshot_bench.hypergradients.problem import Task
from fewshot_bench.learners.base import Gradient, Meta, Progress
from fewshot_bench.training.assembly import Assembly
from fewshot_bench.training.gradients import Gradients
from fewshot_bench.training.state import TrainingState, update

HINT = "A lower learning rate may help, or a network without infinite derivatives."


def meta_step(assembly: Assembly, find: Gradients, state: TrainingState) -> dict[str, float]:
    """A cell's next batch of tasks, by itself: updates `state` and returns the metrics, means over the batch.

    Raises CellError where a metric or a gradient is not finite; `state` is of no use then.
    """
    done = state.iteration
    found = find([state], [batch(assembly, done)])[0]
    return settled([take(assembly, state, found)], done)[0]


def batch(assembly: Assembly, iteration: int) -> Task:
    """The tasks of the meta-step after `iteration` others."""
    count = assembly.cell.training.tasks_per_batch
    return assembly.streams.train(iteration * count, (iteration + 1) * count)


def take(assembly: Assembly, state: TrainingState, found: Gradient) -> dict[str, Tensor]:
    """Moves `state` along the mean of a batch's gradients; returns metrics, means over the batch, still on the device.

    "gradient of <name>" among them is the largest element of its meta-gradient; see `settled`.
    """
    settings = assembly.cell.training
    progress = Progress(state.iteration, settings.iterations, settings.iterations_per_epoch)
    metrics = {name: value.mean() for name, value in found.metrics.items()}
    mean: Meta = {name: g.mean(0) for name, g in found.meta.items()}
    largest = {_GRADIENT + name: torch.linalg.vector_norm(g, math.inf) for name, g in mean.items()}
    rule = assembly.learner.update(assembly.parts)
    rate = rule.rate(progress)
    update(state, rule.clip(mean), rate, rule.bound)
    state.memory = found.memory
    return {**metrics, "meta_rate": torch.tensor(rate, dtype=torch.float64), **largest}


def settled(steps: list[dict[str, Tensor]], first: int) -> list[dict[str, float]]:
    """The metrics of meta-steps as numbers, those that are for looking at; waits for the device.

    first: meta-steps done before them. Raises CellError at the first metric or gradient that is not finite.
    """
    names = list(steps[0])
    table = torch.stack([torch.stack([step[name].double().cpu() for name in names]) for step in steps])
    settled = []
    for done, row in enumerate(table.tolist(), start=first + 1):
        values = dict(zip(names, row, strict=True))
        for name, value in values.items():
            if not math.isfinite(value):
                what = f"the {name} is {value}"
                if name.startswith(_GRADIENT):
                    what = f"the meta-gradient of {name.removeprefix(_GRADIENT)} is not finite"
                raise CellError(f"{what} at meta-step {done}. {HINT}")
        settled.append({name: value for name, value in values.items() if not name.startswith(_GRADIENT)})
    return settled


_GRADIENT = "gradient of "
