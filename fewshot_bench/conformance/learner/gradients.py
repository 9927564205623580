"""Tests of a learner's meta-gradient: in any layout, and whether it is the gradient of the loss that is logged."""

from torch import Tensor

from fewshot_bench.conformance.findings import Outcome, within
from fewshot_bench.conformance.learner.subject import Candidate, trial, two_tasks
from fewshot_bench.conformance.measures import apart, slope
from fewshot_bench.conformance.tiny import one
from fewshot_bench.hypergradients.batching import over_tasks
from fewshot_bench.learners.base import Meta

LAYOUT, SLOPE = 1e-10, 1e-6
"""In float64: allowed between tasks at once and one by one; up to where a gradient is called exact."""


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
