"""What training changes: meta-parameters, the meta-optimizer's statistics, and how far it has come."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from fewshot_bench.inner_optimizers.base import OuterState
from fewshot_bench.learners.base import WEIGHTS, Learner, Memory, Meta, Parts, Stage, select


@dataclass
class TrainingState:
    """meta: tensors that `optimizer` updates in place; memory: what the learner carries from task to task; iteration:
    meta-steps done; epochs: one record a validation.
    """

    meta: Meta
    optimizer: torch.optim.Optimizer
    memory: Memory = field(default_factory=dict)
    iteration: int = 0
    epochs: list[dict[str, Any]] = field(default_factory=list)


def begin(learner: Learner, parts: Parts, steps: int, device: str) -> TrainingState:
    """The state before the first meta-step. steps: of the inner loop in training."""
    meta = {name: tensor.to(device, copy=True) for name, tensor in learner.start(parts, steps).items()}
    memory = {name: tensor.to(device) for name, tensor in learner.memory(parts).items()}
    return TrainingState(meta, learner.update(parts).optimizer(list(meta.values())), memory)


def stage(state: TrainingState, steps: int, iterations_per_epoch: int, recompute: bool = False) -> Stage:
    """What a learner is told of training so far. steps: of the inner loop; recompute: see Stage."""
    return Stage(outer_state(state), state.memory, steps, state.iteration // iterations_per_epoch, recompute)


def update(state: TrainingState, gradient: Meta, rate: float, bounded: Callable[[Meta], Meta]) -> None:
    """The optimizer moves the meta-parameters along `gradient`, then `bounded` brings them into their ranges."""
    for group in state.optimizer.param_groups:
        group["lr"] = rate
    for name, tensor in state.meta.items():
        tensor.grad = gradient[name]
    state.optimizer.step()
    for name, tensor in bounded(state.meta).items():
        if tensor is not state.meta[name]:
            state.meta[name].copy_(tensor)
    state.iteration += 1


def outer_state(state: TrainingState) -> OuterState:
    """The meta-optimizer's statistics of the weights; zeros before its first step, or where it keeps none."""
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
    """Puts what `tensors_of` gave back into a state that `begin` made."""
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
