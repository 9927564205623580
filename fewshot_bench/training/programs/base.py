"""The contract of a program, which computes a function of one task for many tasks."""

from collections.abc import Callable
from typing import Any, NamedTuple

from fewshot_bench.hypergradients.batching import TreeSpec, tree_flatten, tree_leaves, tree_map

TaskFunction = Callable[[Any, Any], Any]
"""(shared, task) -> result: a pure function of two trees of tensors. shared: tensors that all tasks have in common."""

Program = Callable[[Any, Any], Any]
"""(shared, tasks) -> results. Every tensor of `tasks` and of the results has a leading axis, one entry a task."""


class InputShapes(NamedTuple):
    """The structure of inputs. One recording serves all inputs of equal structure.

    tree: names, in any order (TreeSpec.flatten_up_to returns tensors in its own order). tensors: shape, type and
    device.
    """

    tree: TreeSpec
    tensors: tuple[Any, ...]


def input_shapes(shared: Any, tasks: Any) -> InputShapes:
    leaves, tree = tree_flatten((shared, tasks))
    return InputShapes(tree, tuple((leaf.shape, leaf.dtype, leaf.device) for leaf in leaves))


def cached_by_shape(make: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """A function that returns `make(shared, tasks)`, and calls `make` only once for inputs of equal shapes."""
    recordings: list[tuple[InputShapes, Any]] = []

    def recording_for(shared: Any, tasks: Any) -> Any:
        shapes = input_shapes(shared, tasks)
        for known, recording in recordings:
            if known == shapes:
                return recording
        recordings.append((shapes, make(shared, tasks)))
        return recordings[-1][1]

    return recording_for


def chunks(tasks: Any, at_once: int) -> list[Any]:
    """The tasks in chunks of `at_once`, in order. Chunks of one task have no task axis."""
    count = len(tree_leaves(tasks)[0])
    if at_once == 1:
        return [tree_map(lambda leaf, i=i: leaf[i], tasks) for i in range(count)]
    return [tree_map(lambda leaf, i=i: leaf[i : i + at_once], tasks) for i in range(0, count, at_once)]
