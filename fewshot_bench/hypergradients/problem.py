"""The two nouns every learner shares: a bilevel problem, and an estimator of its hypergradient."""

from collections.abc import Callable
from typing import Any, NamedTuple

from torch import Tensor

from fewshot_bench.inner_optimizers.base import Hyper, InnerOptimizer, OuterState, Params


class Batch(NamedTuple):
    """Examples of one task. x: [n, channels, height, width] float; y: [n] int64 in [0, ways)."""

    x: Tensor
    y: Tensor


class Task(NamedTuple):
    """What a learner adapts to, and what it is judged by."""

    support: Batch
    query: Batch


class Bilevel(NamedTuple):
    """min over phi of sum_t step_weights[t] * outer(w_t), where w_0, w_1, ... are inner-optimizer steps on `inner`.

    phi: one flat dict of all meta-parameters. t: inner steps, from 0; step_weights[t] weighs the loss after step t.
    """

    inner: Callable[[Params, Params, Any, int], Tensor]  # (w, phi, task, t) -> scalar
    outer: Callable[[Params, Params, Any], tuple[Tensor, Any]]  # (w, phi, task) -> scalar, what else is worth knowing
    init: Callable[[Params, Any], Params]  # (phi, task) -> w_0
    opt: InnerOptimizer
    hyper: Callable[[Params, int], Hyper]  # (phi, t) -> hyperparameters of step t
    steps: int
    step_weights: tuple[float, ...]
    outer_state: OuterState | None = None  # where the inner optimizer's own state may start; a constant


Estimator = Callable[[Bilevel, Params, Any], tuple[Tensor, Params, Any]]
"""(problem, phi, task) -> (value, dphi, aux of the last outer loss), for ONE task.

Many tasks are `vmap` over this, the gradient inside: vmap(grad(task)). The other order, grad(vmap(task)), is wrong for
fused norms and is offered nowhere.
"""


def last_step_only(steps: int) -> tuple[float, ...]:
    """The weights of a loss that counts after the last inner step alone; empty where there is no step."""
    return (*(0.0 for _ in range(steps - 1)), 1.0) if steps else ()
