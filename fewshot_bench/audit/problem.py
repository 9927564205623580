"""What every implementation is asked: the gradient of a mean loss over tasks, which is known from elsewhere."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch

from fewshot_bench.hypergradients.batching import tree_leaves, tree_map
from fewshot_bench.hypergradients.known_problems.base import Known
from fewshot_bench.hypergradients.problem import Bilevel
from fewshot_bench.hypergradients.vectors import constant, norm, plus
from fewshot_bench.inner_optimizers.base import Params


class Problem(NamedTuple):
    """A bilevel problem, tasks, and the gradient of their mean loss; all in float64.

    bilevel: with the package's layers. plain: with torch's own, which is what other libraries meet; the same where
    there are none. phi: entries are "<group>/<name>" or "<group>"; hyperparameters of the inner optimizer are
    0-dimensional and go by their own names ("lr"). tasks: tensors with a leading task axis. answer: shaped like phi.
    """

    bilevel: Bilevel
    plain: Bilevel
    phi: Params
    tasks: Any
    answer: Params


Implementation = Callable[[Problem], Params]
"""Gradient of the mean loss over the problem's tasks, shaped like phi."""


def from_known(known: Known) -> Problem:
    answer = {name: tensor.mean(0) for name, tensor in known.dphi.items()}
    return Problem(known.problem, known.problem, known.phi, known.tasks, answer)


def each(tasks: Any) -> list[Any]:
    """The tasks one by one."""
    return [tree_map(lambda leaf, i=i: leaf[i], tasks) for i in range(len(tree_leaves(tasks)[0]))]


def mean(gradients: Sequence[Params]) -> Params:
    return {name: torch.stack([one[name] for one in gradients]).mean(0) for name in gradients[0]}


def group(entries: Params, name: str) -> Params:
    """The entries of phi that go by a group's name."""
    return {key: tensor for key, tensor in entries.items() if key.partition("/")[0] == name}


def worst_error(found: Params, answer: Params, groups: Sequence[str]) -> float:
    """Relative error |found - answer| / |answer| of the worst group, Euclidean lengths; NaN where `found` has one."""
    errors = []
    for name in groups:
        known = group(answer, name)
        errors.append(norm(plus(known, constant(found), -1)) / norm(known))
    return float(torch.stack(errors).max())
