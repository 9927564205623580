"""Trees of tensors, and one task's computation over a batch of tasks: so many at once, the same result for any number.

Trees are torch's: nested tuples, lists, dicts and named tuples. Its functions for them lie in torch.utils._pytree,
which is private by its name. This file alone imports that module (tried with torch 2.15.0), and everything else imports
this file. Without it these functions would have to be written here, or optree become a dependency.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch.func import vmap
from torch.utils._pytree import TreeSpec, tree_flatten, tree_leaves, tree_map, tree_unflatten

__all__ = ["TreeSpec", "over_tasks", "tree_flatten", "tree_leaves", "tree_map", "tree_unflatten"]


def over_tasks(of_one: Callable[[Any], Any], at_once: int) -> Callable[[Any], Any]:
    """`of_one` over the leading axis of every tensor in its argument; results are stacked on a leading axis.

    at_once: tasks in one program (`vmap`), and so in memory at the same time; 1 is a plain loop.
    """

    def of_all(tasks: Any) -> Any:
        count = len(tree_leaves(tasks)[0])
        if at_once == 1:
            results = [of_one(tree_map(lambda leaf, i=i: leaf[i], tasks)) for i in range(count)]
            return tree_map(lambda *parts: torch.stack(parts), *results)
        starts = range(0, count, at_once)
        results = [vmap(of_one)(tree_map(lambda leaf, i=i: leaf[i : i + at_once], tasks)) for i in starts]
        return tree_map(lambda *parts: torch.cat(parts), *results)

    return of_all
