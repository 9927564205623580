"""Tests of a learner's meta-gradient: in any layout and epoch, and whether it is that of the loss that is logged."""

from collections.abc import Hashable
from typing import Any

from torch import Tensor

from fewshot_bench.conformance.findings import Outcome, within
from fewshot_bench.conformance.learner.contract import Candidate, trial, two_tasks
from fewshot_bench.conformance.measures import apart, same, slope
from fewshot_bench.conformance.tiny import one
from fewshot_bench.hypergradients.batching import over_tasks
from fewshot_bench.learners.base import Meta

LAYOUT, SLOPE = 1e-10, 1e-6
"""In float64: allowed between tasks at once and one by one; up to where a gradient is called exact."""

EPOCHS = 31  # three times those that the package's own learners change in


def vmap_equals_loop(candidate: Candidate) -> Outcome:
    """Tasks in one program, and one after another, in training and in prediction."""
    learner, parts, meta, stage = trial(candidate)
    if stage.memory:
        return True, "its tasks come one after another"
    batch = two_tasks()
    looped, mapped = (
        over_tasks(
            lambda task: (
                learner.meta_gradient(parts, meta, stage, task).meta,
                learner.predict(parts, meta, stage, task, "inductive"),
            ),
            at_once,
        )(batch)
        for at_once in (1, 2)
    )
    why = "Nothing may depend on a tensor's value in Python: no if, no .item()."
    return within(apart(mapped, looped), LAYOUT, "meta-gradients and predictions", why)


def phases(candidate: Candidate) -> Outcome:
    """Epochs of one phase give the same bits: the first of each against its middle and its last."""
    learner, parts, meta, stage = trial(candidate)
    task = one(two_tasks())

    def computed(epoch: int) -> Any:
        now = stage._replace(epoch=epoch)
        return (
            learner.meta_gradient(parts, meta, now, task),
            learner.predict(parts, meta, now, task, "transductive"),
        )

    groups: dict[Hashable, list[int]] = {}
    for epoch in range(EPOCHS):
        groups.setdefault(learner.phase(epoch), []).append(epoch)
    for phase, (first, *others) in groups.items():
        for other in sorted({*others[len(others) // 2 :][:1], *others[-1:]}):
            if not same(computed(first), computed(other)):
                what = f"epochs {first} and {other} are of one phase, {phase!r}, and compute something else."
                return False, f"{what} `return epoch` is always right."
    return True, f"{len(groups)} in {EPOCHS} epochs"


def gradient_of_the_loss(candidate: Candidate) -> Outcome:
    """Not a test: first-order, implicit and displacement learners mean another gradient than that of their loss."""
    learner, parts, meta, stage = trial(candidate)
    task = one(two_tasks())

    def loss(at: Meta) -> Tensor:
        return learner.meta_gradient(parts, at, stage, task).metrics["loss"]

    found = slope(loss, meta, learner.meta_gradient(parts, meta, stage, task).meta, SLOPE)
    if found.error <= SLOPE:
        return True, f"exact: slopes differ by {found.error:.1e}"
    by = f"slope {found.claimed:.4g}, by differences of its loss {found.measured:.4g}"
    return None, f"not exact, as it is for learners that mean another: {by}"
