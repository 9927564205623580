"""The contract of a program: one task's computation, done for many."""

from collections.abc import Callable
from typing import Any, NamedTuple

from torch.utils._pytree import TreeSpec, tree_flatten

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
