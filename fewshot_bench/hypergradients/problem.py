"""The bilevel problem of one task, the contract of a hypergradient estimator, and batches of tasks."""

from collections.abc import Callable
from typing import Any, NamedTuple

from torch import Tensor
from torch.func import grad

from fewshot_bench.basics.counting import counted
from fewshot_bench.inner_optimizers.base import Hyper, InnerOptimizer, Params, State


class Batch(NamedTuple):
    """Examples of one task. x: [n, channels, height, width] float; y: [n] int64 in [0, ways), or values [n, ways]."""

    x: Tensor
    y: Tensor


class Task(NamedTuple):
    """One few-shot task: examples to adapt to (support), and examples to evaluate on (query).

    classes: [ways] int64, the index of each label's class in the split part, for learners that classify them all.
    key: 0-dimensional int64, the seed of the task's own random numbers (backbones/noise.py).
    """

    support: Batch
    query: Batch
    classes: Tensor
    key: Tensor


class Bilevel(NamedTuple):
    """min over phi of sum_t step_weights[t] * outer(w_{t+1}, t), with w_0, w_1, ... inner-optimizer steps on `inner`.

    phi: one flat dict of all meta-parameters. t: the inner step, from 0. The loss after step t is outer(..., t),
    weighted by step_weights[t]. Without inner steps the value is outer(w_0, ..., 0).
    """

    inner: Callable[[Params, Params, Any, int], Tensor]  # (w, phi, task, t) -> scalar
    outer: Callable[[Params, Params, Any, int], tuple[Tensor, Any]]  # (w, phi, task, t) -> scalar, auxiliary output
    init: Callable[[Params, Any], Params]  # (phi, task) -> w_0
    opt: InnerOptimizer
    hyper: Callable[[Params, int], Hyper]  # (phi, t) -> hyperparameters of step t
    steps: int
    step_weights: tuple[float, ...]
    state: Callable[[Params], State]  # w_0 -> the inner optimizer's state before its first step


class Estimate(NamedTuple):
    """value: the outer objective, a scalar. dphi: its gradient, shaped like phi. aux: tensors from the last outer loss.

    metrics: 0-dimensional tensors by name that measure the error of the estimate (residuals); empty if it is exact.
    """

    value: Tensor
    dphi: Params
    aux: Any
    metrics: dict[str, Tensor]


Estimator = Callable[[Bilevel, Params, Any], Estimate]
"""(problem, phi, task) -> Estimate, for ONE task.

`over_tasks` (batching.py) applies it to many by vmap, with the gradient inside: vmap(grad(task)). The other order,
grad(vmap(task)), is wrong for fused norms and is offered nowhere.
"""


def last_step_only(steps: int) -> tuple[float, ...]:
    """Step weights that count the loss after the last inner step alone; empty if there are no steps."""
    return (*(0.0 for _ in range(steps - 1)), 1.0) if steps else ()


def one_step(problem: Bilevel, phi: Params, task: Any, w: Params, state: State, t: int) -> tuple[Params, State]:
    """Inner step t: the weights and the optimizer's state after it."""
    return problem.opt.step(w, grad(problem.inner)(w, phi, task, t), state, problem.hyper(phi, t))


def solve(problem: Bilevel, phi: Params, task: Any) -> tuple[Params, State]:
    """The weights and the inner optimizer's state after all inner steps."""
    w = problem.init(phi, task)
    state = problem.state(w)
    for t in range(problem.steps):
        w, state = one_step(problem, phi, task, w, state, t)
    return w, state


def weights_along(problem: Bilevel) -> tuple[float, ...]:
    """Weights of the outer loss at w_0, w_1, ..., w_steps; w_0 counts only if there are no steps.

    Raises ValueError if `step_weights` has not one number per step, or if all are zero.
    """
    if len(problem.step_weights) != problem.steps:
        numbers, steps = counted(len(problem.step_weights), "number"), counted(problem.steps, "inner step")
        raise ValueError(f"`step_weights` has {numbers} for {steps}.")
    weights = (0.0, *problem.step_weights) if problem.steps else (1.0,)
    if not any(weights):
        raise ValueError("`step_weights` are all zero, so no loss counts.")
    return weights


def last_step(problem: Bilevel) -> int:
    """Index of the last inner step, 0 if there are no steps: the `t` of the losses at the adapted weights.

    For estimators that use the adapted weights alone. Raises ValueError if an earlier loss counts, which they would
    silently leave out.
    """
    if tuple(problem.step_weights) != last_step_only(problem.steps):
        raise ValueError(
            f"`step_weights` is {tuple(problem.step_weights)}, but implicit gradients and displacements know the loss "
            f"after the last step alone: {last_step_only(problem.steps)}."
        )
    return max(problem.steps - 1, 0)
