"""A meta-step: the meta-optimizer moves the meta-parameters along the mean gradient of a batch of tasks."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from fewshot_bench.basics.errors import CellError
from fewshot_bench.hypergradients.problem import Task
from fewshot_bench.inner_optimizers.base import OuterState
from fewshot_bench.learners.base import (
    WEIGHTS,
    Gradient,
    Learner,
    Memory,
    Meta,
    Parts,
    Progress,
    Stage,
    clipped,
    select,
)
from fewshot_bench.training.assembly import Assembly

HINT = "A lower learning rate may help, or a network without infinite derivatives."
_GRADIENT = "gradient of "


@dataclass
class TrainingState:
    """The state of training, which meta-steps change.

    meta: meta-parameters, which `optimizer` updates in place. memory: the learner's memory from task to task.
    iteration: meta-steps done. epochs: one record for each validation.
    """

    meta: Meta
    optimizer: torch.optim.Optimizer
    memory: Memory = field(default_factory=dict)
    iteration: int = 0
    epochs: list[dict[str, Any]] = field(default_factory=list)


Gradients = Callable[[Sequence[TrainingState], Sequence[Task]], list[Gradient]]
"""(states, a batch of tasks for each) -> the stacked gradients of the tasks of each state.

The mean of the stacked gradients is used. If a learner has a `batch_gradient`, the stack holds that single gradient.
"""


def begin(learner: Learner, parts: Parts, steps: int, device: str) -> TrainingState:
    """The state before the first meta-step. steps: of the inner loop in training."""
    meta = {name: tensor.to(device, copy=True) for name, tensor in learner.start(parts, steps).items()}
    memory = {name: tensor.to(device) for name, tensor in learner.memory(parts).items()}
    return TrainingState(meta, learner.update(parts).optimizer(list(meta.values())), memory)


def stage(state: TrainingState, steps: int, iterations_per_epoch: int, recompute: bool = False) -> Stage:
    """The stage of training, for the learner. steps: of the inner loop; recompute: see Stage."""
    return Stage(outer_state(state), state.memory, steps, state.iteration // iterations_per_epoch, recompute)


def outer_state(state: TrainingState) -> OuterState:
    """The meta-optimizer's statistics of the weights; zeros before its first step, or if it keeps none."""
    moments: dict[str, Meta] = {"exp_avg": {}, "exp_avg_sq": {}}
    steps = torch.zeros(())
    for name, tensor in state.meta.items():
        slots = state.optimizer.state.get(tensor, {})
        for slot, values in moments.items():
            values[name] = slots.get(slot, torch.zeros_like(tensor))
        steps = slots.get("step", steps)
    return OuterState(select(moments["exp_avg"], WEIGHTS), select(moments["exp_avg_sq"], WEIGHTS), steps)


def tensors_of(state: TrainingState) -> dict[str, Tensor]:
    """All of the state's tensors by name: "meta/<name>", "memory/<name>" and "optimizer/<slot>/<name>"."""
    named = {f"meta/{name}": tensor for name, tensor in state.meta.items()}
    named |= {f"memory/{name}": tensor for name, tensor in state.memory.items()}
    for name, tensor in state.meta.items():
        for slot, value in state.optimizer.state.get(tensor, {}).items():
            named[f"optimizer/{slot}/{name}"] = torch.as_tensor(value)
    return named


def restore(state: TrainingState, tensors: dict[str, Tensor], iteration: int, epochs: list[dict[str, Any]]) -> None:
    """Restores the tensors from `tensors_of` into a state from `begin`."""
    kept = {key.split("/")[1] for key in tensors if key.startswith("optimizer/")}
    slots: dict[int, dict[str, Tensor]] = {}
    for index, (name, tensor) in enumerate(state.meta.items()):
        tensor.copy_(tensors[f"meta/{name}"])
        own = {slot: tensors[f"optimizer/{slot}/{name}"] for slot in kept if f"optimizer/{slot}/{name}" in tensors}
        if own:
            slots[index] = own
    state.optimizer.load_state_dict({"state": slots, "param_groups": state.optimizer.state_dict()["param_groups"]})
    state.memory = {name: tensors[f"memory/{name}"].to(tensor.device) for name, tensor in state.memory.items()}
    state.iteration, state.epochs = iteration, epochs


def meta_step(assembly: Assembly, compute: Gradients, state: TrainingState) -> dict[str, float]:
    """Computes the next batch of one cell, updates `state`, and returns the metrics, means over the batch.

    Raises CellError if a metric or a gradient is not finite. `state` is then invalid.
    """
    done = state.iteration
    gradient = compute([state], [batch(assembly, done)])[0]
    return read_metrics([apply_gradient(assembly, state, gradient)], done)[0]


def batch(assembly: Assembly, iteration: int) -> Task:
    """The tasks of the meta-step after `iteration` others."""
    count = assembly.cell.training.tasks_per_batch
    return assembly.streams.train(iteration * count, (iteration + 1) * count)


def apply_gradient(assembly: Assembly, state: TrainingState, gradient: Gradient) -> dict[str, Tensor]:
    """Updates `state` by the mean of a batch's gradients. Returns metrics, means over the batch, on the device.

    The metric "gradient of <name>" is the largest element of that meta-gradient; see `read_metrics`.
    """
    settings = assembly.cell.training
    progress = Progress(state.iteration, settings.iterations, settings.iterations_per_epoch)
    metrics = {name: value.mean() for name, value in gradient.metrics.items()}
    mean: Meta = {name: g.mean(0) for name, g in gradient.meta.items()}
    largest = {_GRADIENT + name: torch.linalg.vector_norm(g, math.inf) for name, g in mean.items()}
    rule = assembly.learner.update(assembly.parts)
    rate = rule.rate(progress)
    update(state, clipped(rule, mean, assembly.cell.dataset), rate, rule.bound)
    state.memory = gradient.memory
    return {**metrics, "meta_rate": torch.tensor(rate, dtype=torch.float64), **largest}


def read_metrics(steps: list[dict[str, Tensor]], first: int) -> list[dict[str, float]]:
    """The metrics of several meta-steps as numbers, without those of gradients. Waits for the device.

    first: meta-steps done before them. Raises CellError at the first metric or gradient that is not finite.
    """
    names = list(steps[0])
    table = torch.stack([torch.stack([step[name].double().cpu() for name in names]) for step in steps])
    metrics = []
    for done, row in enumerate(table.tolist(), start=first + 1):
        values = dict(zip(names, row, strict=True))
        for name, value in values.items():
            if not math.isfinite(value):
                what = f"the {name} is {value}"
                if name.startswith(_GRADIENT):
                    what = f"the meta-gradient of {name.removeprefix(_GRADIENT)} is not finite"
                raise CellError(f"{what} at meta-step {done}. {HINT}")
        metrics.append({name: value for name, value in values.items() if not name.startswith(_GRADIENT)})
    return metrics


def update(state: TrainingState, gradient: Meta, rate: float, bounded: Callable[[Meta], Meta]) -> None:
    """Updates the meta-parameters by the optimizer, then projects them into their ranges by `bounded`."""
    for group in state.optimizer.param_groups:
        group["lr"] = rate
    for name, tensor in state.meta.items():
        tensor.grad = gradient[name]
    state.optimizer.step()
    for name, tensor in bounded(state.meta).items():
        if tensor is not state.meta[name]:
            state.meta[name].copy_(tensor)
    state.iteration += 1
