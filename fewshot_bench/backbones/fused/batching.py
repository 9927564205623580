"""What the rules of `vmap` here have in common: tasks that become images, or channels, or a loop.

in_dims: for each argument the axis of tasks, None where all tasks share it. All is done by operations that a `vmap`
around this one can batch again.
"""

from typing import Any

import torch
from torch import Tensor


def leading(tensor: Tensor, axis: int | None, tasks: int) -> Tensor:
    """[tasks, ...]; what is shared is repeated, without a copy."""
    return tensor.expand(tasks, *tensor.shape) if axis is None else tensor.movedim(axis, 0)


def into_first(tensor: Tensor, axis: int | None, tasks: int) -> Tensor:
    """The first axis times tasks: [n, ...] of each task -> [tasks * n, ...]."""
    return leading(tensor, axis, tasks).flatten(0, 1)


def into_channels(tensor: Tensor, axis: int | None, tasks: int) -> Tensor:
    """The second axis times tasks: [n, c, ...] of each task -> [n, tasks * c, ...]."""
    return leading(tensor, axis, tasks).movedim(0, 1).flatten(1, 2)


def out_of(axis: int, tensor: Tensor, tasks: int) -> Tensor:
    """The reverse of both: tasks get an axis of their own, at `axis`."""
    return tensor.unflatten(axis, (tasks, tensor.shape[axis] // tasks))


def looped(function: type[torch.autograd.Function], tasks: int, in_dims: tuple, arguments: tuple) -> tuple[Any, Any]:
    """A call for each task. -> (results on a leading axis, the axes of tasks in them)."""
    calls = [
        function.apply(
            *(
                argument.select(axis, task) if isinstance(argument, Tensor) and axis is not None else argument
                for argument, axis in zip(arguments, in_dims, strict=True)
            )
        )
        for task in range(tasks)
    ]
    if isinstance(calls[0], Tensor):
        return torch.stack(calls), 0
    return tuple(torch.stack(results) for results in zip(*calls, strict=True)), tuple(0 for _ in calls[0])
