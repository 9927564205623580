"""The arrangement of tensors for the fused operations: memory order of an image, and the axis of tasks under `vmap`.

On a CPU the channels of a pixel lie side by side (channels-last). Convolutions of few pixels are then up to twice as
fast, and max-pooling is twenty times as fast. On other devices tensors keep their order.

The rules of `vmap` turn tasks into images, into channels, or into a loop. They use only operations that an outer `vmap`
can batch again. In all of them `axis` is the axis of tasks in a tensor; None: all tasks share the tensor.
"""

from typing import Any

import torch
from torch import Tensor


def in_fast_order(tensor: Tensor) -> Tensor:
    """The same images or weights, [n, channels, height, width], in the memory order that is fast on their device.

    Tensors that do not have four axes are returned unchanged.
    """
    return channels_last(tensor) if tensor.dim() == 4 and tensor.device.type == "cpu" else tensor


def channels_last(tensor: Tensor) -> Tensor:
    """The tensor [n, channels, height, width] with the strides of [n, height, width, channels].

    A single channel fits both orders, and torch takes it for the other order unless its strides are exactly these.
    """
    count, channels, height, width = tensor.shape
    if channels != 1:
        return tensor.contiguous(memory_format=torch.channels_last)
    if tensor.stride() == (height * width, 1, width, 1):
        return tensor
    return tensor.contiguous().view(count, height, width, 1).permute(0, 3, 1, 2)


def by_task(tensor: Tensor, axis: int | None, tasks: int) -> Tensor:
    """The tensor with tasks on its first axis, [tasks, ...]. A shared tensor is expanded, without a copy."""
    return tensor.expand(tasks, *tensor.shape) if axis is None else tensor.movedim(axis, 0)


def into_first(tensor: Tensor, axis: int | None, tasks: int) -> Tensor:
    """Merges tasks into the first axis: [n, ...] of each task becomes [tasks * n, ...]."""
    return by_task(tensor, axis, tasks).flatten(0, 1)


def into_channels(tensor: Tensor, axis: int | None, tasks: int) -> Tensor:
    """Merges tasks into the second axis: [n, c, ...] of each task becomes [n, tasks * c, ...]."""
    return by_task(tensor, axis, tasks).movedim(0, 1).flatten(1, 2)


def split_tasks(axis: int, tensor: Tensor, tasks: int) -> Tensor:
    """Reverses both: splits `axis` into tasks, which stay at `axis`, and the rest."""
    return tensor.unflatten(axis, (tasks, tensor.shape[axis] // tasks))


def task_loop(function: type[torch.autograd.Function], tasks: int, in_dims: tuple, arguments: tuple) -> tuple[Any, Any]:
    """Calls a function once for each task. Returns its results, stacked, and the axis of tasks in each."""
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
