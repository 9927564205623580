"""The two nouns every learner shares: a bilevel problem, and an estimator of its hypergradient."""

from collections.abc import Callable
from typing import Any, NamedTuple

from torch import Tensor
from torch.func import grad

from fewshot_bench.inner_optimizers.base import Hyper, InnerOptimizer, Params, State


class Batch(NamedTuple):
    """Examples of one task. x: [n, channels, height, width] float; y: [n] int64 in [0, ways)."""

    x: Tensor
    y: Tensor


class Task(NamedTuple):
    """What a learner adapts to (support), and what it is judged by (query).

    classes: [ways] int64, which of the split part's classes the labels stand for, for learners that classify them all.
    key: 0-dimensional int64, what the task's own random numbers come from (backbones/noise.py).
    """

    support: Batch
    query: Batch
    classes: Tensor
    key: Tensor


class Bilevel(NamedTuple):
    """min over phi of sum_t step_weights[t] * outer(w_{t+1}, t), with w_0, w_1, ... inner-optimizer steps on `inner`.

    phi: one flat dict of all meta-parameters. t: inner steps, from 0; the loss after step t is outer(..., t), weighed
    by step_weights[t]; with no step at all the value is outer(w_0, ..., 0).
    """

    inner: Callable[[Params, Params, Any, int], Tensor]  # (w, phi, task, t) -> scalar
    outer: Callable[[Params, Params, Any, int], tuple[Tensor, Any]]  # (w, phi, task, t) -> scalar, whatever else
    init: Callable[[Params, Any], Params]  # (phi, task) -> w_0
    opt: InnerOptimizer
    hyper: Callable[[Params, int], Hyper]  # (phi, t) -> hyperparameters of step t
    steps: int
    step_weights: tuple[float, ...]
    state: Callable[[Params], State]  # w_0 -> the inner optimizer's state before its first step


class Estimate(NamedTuple):
    """value: the scalar that is meta-learned; dphi: its gradient, shaped like phi; aux: the last outer loss's, tensors.

    metrics: 0-dimensional tensors by name that say how good the estimate is (residuals); empty where it is exact.
    """

    value: Tensor
    dphi: Params
    aux: Any
    metrics: dict[str, Tensor]


Estimator = Callable[[Bilevel, Params, Any], Estimate]
"""(problem, phi, task) -> Estimate, for ONE task.

Many tasks are `vmap` over this, the gradient inside: vmap(grad(task)). The other order, grad(vmap(task)), is wrong for
fused norms and is offered nowhere.
"""


def last_step_only(steps: int) -> tuple[float, ...]:
    """The weights of a loss that counts after the last inner step alone; empty where there is no step."""
    return (*(0.0 for _ in range(steps - 1)), 1.0) if steps else ()


def one_step(problem: Bilevel, phi: Params, task: Any, w: Params, state: State, t: int) -> tuple[Params, State]:
    """Inner step t: the weights and the optimizer's state after it, as a function of everything it is given."""
    return problem.opt.step(w, grad(problem.inner)(w, phi, task, t), state, problem.hyper(phi, t))


def solve(problem: Bilevel, phi: Params, task: Any) -> tuple[Params, State]:
    """The weights and the inner optimizer's state after all inner steps."""
    w = problem.init(phi, task)
    state = problem.state(w)
    for t in range(problem.steps):
        w, state = one_step(problem, phi, task, w, state, t)
    return w, state
