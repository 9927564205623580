"""The contract of a program: one task's computation, done for many."""

from collections.abc import Callable
from typing import Any, NamedTuple

from fewshot_bench.hypergradients.batching import TreeSpec, tree_flatten, tree_leaves, tree_map

OfOne = Callable[[Any, Any], Any]
"""(shared, task) -> result: a pure function of two trees of tensors. shared: what is the same for all tasks."""

Program = Callable[[Any, Any], Any]
"""(shared, tasks) -> results. Every tensor of `tasks` and of the results has a leading axis, one entry a task."""


class Inputs(NamedTuple):
    """What inputs have in common where one recording serves them all.

    tree: names, in whatever order (TreeSpec.flatten_up_to gives tensors in its own); tensors: shape, type and device.
    """

    tree: TreeSpec
    tensors: tuple[Any, ...]


def inputs_of(shared: Any, tasks: Any) -> Inputs:
    leaves, tree = tree_flatten((shared, tasks))
    return Inputs(tree, tuple((leaf.shape, leaf.dtype, leaf.device) for leaf in leaves))


def once(make: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """`make(shared, tasks)`, made anew only for inputs unlike all before. Kinds are few, and compared one by one."""
    made: list[tuple[Inputs, Any]] = []

    def find(shared: Any, tasks: Any) -> Any:
        kind = inputs_of(shared, tasks)
        for known, recording in made:
            if known == kind:
                return recording
        made.append((kind, make(shared, tasks)))
        return made[-1][1]

    return find


def chunks(tasks: Any, at_once: int) -> list[Any]:
    """The tasks in order, so many at a time; one by one without their axis."""
    count = len(tree_leaves(tasks)[0])
    if at_once == 1:
        return [tree_map(lambda leaf, i=i: leaf[i], tasks) for i in range(count)]
    return [tree_map(lambda leaf, i=i: leaf[i : i + at_once], tasks) for i in range(0, count, at_once)]
