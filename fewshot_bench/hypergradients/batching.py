"""One task's computation over a batch of tasks, in either of two layouts with the same result."""

from collections.abc import Callable
from typing import Any

import torch
from torch.func import vmap
from torch.utils._pytree import tree_flatten, tree_map, tree_unflatten

LAYOUTS = ("vmap", "loop")


def over_tasks(of_one: Callable[[Any], Any], layout: str) -> Callable[[Any], Any]:
    """`of_one` over the leading axis of every tensor in its argument; results are stacked on a leading axis.

    layout: "vmap" runs all tasks in one program, "loop" one after another, in the memory of one.
    """
    if layout == "vmap":
        return vmap(of_one)

    def loop(tasks: Any) -> Any:
        leaves, spec = tree_flatten(tasks)
        results = [of_one(tree_unflatten([leaf[i] for leaf in leaves], spec)) for i in range(len(leaves[0]))]
        return tree_map(lambda *parts: torch.stack(parts), *results)

    return loop
