"""Tests of a learner's meta-gradients, in any layout, epoch and program, and of training with them."""

from collections.abc import Callable, Hashable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from fewshot_bench.backbones import BACKBONES
from fewshot_bench.basics.images import ImageShape
from fewshot_bench.cells.cell import Training
from fewshot_bench.conformance.findings import BY_NUMBERS, EAGER_AND_TRACED, TRACED, Outcome, within
from fewshot_bench.conformance.learner.contract import IMAGE, WAYS, Candidate, trial, two_tasks
from fewshot_bench.conformance.measures import apart, finite, same, slope
from fewshot_bench.conformance.shared_checks import assembly_of, runs
from fewshot_bench.conformance.tiny import one, smooth, tasks
from fewshot_bench.hypergradients.batching import over_tasks
from fewshot_bench.inner_optimizers import INNER_OPTIMIZERS
from fewshot_bench.learners.base import Meta, as_learner
from fewshot_bench.training.assembly import Assembly
from fewshot_bench.training.gradients import gradients
from fewshot_bench.training.meta_step import TrainingState, batch, begin, meta_step
from fewshot_bench.training.plan import Plan, ProgramKind
from fewshot_bench.training.tasks import Streams

LAYOUT, SLOPE = 1e-10, 1e-6
"""In float64: allowed between tasks at once and one by one; up to where a gradient is called exact."""

EPOCHS = 31  # three times those that the package's own learners change in

SMALL = ImageShape(1, 16, 16)
NETWORKS: dict[str, Callable[..., Any]] = {
    "vgg": partial(BACKBONES["vgg"], filters=8),
    "resnet-4": BACKBONES["resnet-4"],
    "densenet-8": BACKBONES["densenet-8"],
}
"""One of each kind of the package, small."""

CROSSED = (("vgg", "sgd"), ("vgg", "adam"), ("resnet-4", "sgd"), ("densenet-8", "adam"))
"""Each kind of network, and each inner optimizer of the paper."""

META_STEPS = 5


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


def run(candidate: Candidate) -> Outcome:
    """As a grid runs it, with a small network and SGD."""
    learner = as_learner(candidate.make())
    rule = INNER_OPTIMIZERS["sgd" if learner.traits.inner_loop else "none"]()
    return runs(learner, smooth, rule, IMAGE, WAYS)


def other_ways(candidate: Candidate) -> Outcome:
    """A learner that says so is trained on tasks of other ways than it is tested on."""
    learner, parts, meta, now = trial(candidate)
    if not learner.traits.any_ways:
        return True, "trained with the ways that it is tested with"
    found = learner.meta_gradient(parts, meta, now, one(two_tasks(WAYS + 2)))
    if not finite(found.meta):
        return False, f"a task of {WAYS + 2} ways gives a meta-gradient that is not finite."
    return True, f"takes a task of {WAYS + 2} ways with a network for {WAYS}"


def meta_steps(candidate: Candidate) -> Outcome:
    """One with each kind of network, and with SGD and Adam."""
    pairs = CROSSED if as_learner(candidate.make()).traits.inner_loop else [(network, "none") for network in NETWORKS]
    for network, rule in pairs:
        assembly = _assembly(candidate, NETWORKS[network], SMALL, rule, steps=1, count=1)
        state = _state(assembly)
        before = {name: tensor.clone() for name, tensor in state.meta.items()}
        meta_step(assembly, gradients(assembly), state)
        if not finite(state.meta):
            return False, f"{network} with {rule}: meta-parameters are not finite after a meta-step."
        if all(tensor.equal(before[name]) for name, tensor in state.meta.items()):
            return False, f"{network} with {rule}: a meta-step changes nothing."
    return True, "with " + ", ".join(f"{network} and {rule}" for network, rule in pairs)


def traced(candidate: Candidate) -> Outcome:
    """Written down for the first meta-step's tasks, and carried out for others, from other meta-parameters."""
    rule = "sgd" if as_learner(candidate.make()).traits.inner_loop else "none"
    as_written, down = (
        _assembly(candidate, lambda *shape: smooth(*shape).double(), IMAGE, rule, steps=2, count=2, program=program)
        for program in ("eager", "traced")
    )
    state, other = _state(as_written), tasks(IMAGE, WAYS, torch.float64, count=2, seed=9)
    find, find_down = gradients(as_written), gradients(down)
    find_down([state], [batch(down, 0)])
    meta_step(as_written, find, state)
    found, expected = (one([state], [other])[0] for one in (find_down, find))
    return within(apart(found.meta, expected.meta), TRACED, EAGER_AND_TRACED, BY_NUMBERS)


def descent(candidate: Candidate) -> Outcome:
    """Each meta-step from the statistics of those before. A learner may need other rates than its defaults."""
    assembly = _assembly(candidate, smooth, IMAGE, "adam", steps=2, count=2)
    state, find = _state(assembly), gradients(assembly)
    losses = [meta_step(assembly, find, state)["loss"] for _ in range(META_STEPS)]
    if not finite(state.meta):
        return False, f"meta-parameters are not finite after {META_STEPS} meta-steps."
    ok = True if losses[-1] < losses[0] else None
    return ok, f"the loss of two tasks goes from {losses[0]:.4g} to {losses[-1]:.4g} in {META_STEPS} meta-steps"


def _assembly(
    candidate: Candidate,
    make: Callable[..., Any],
    image: ImageShape,
    rule: str,
    *,
    steps: int,
    count: int,
    program: ProgramKind = "eager",
) -> Assembly:
    """A cell that meets the same tasks at every meta-step, of the type of its weights."""
    plan, learner = Plan("cpu", 1, 1, program), as_learner(candidate.make())
    training = Training(
        iterations=META_STEPS, iterations_per_epoch=META_STEPS, tasks_per_batch=count, inner_steps=steps
    )
    found = assembly_of(learner, make, INNER_OPTIMIZERS[rule](), image, WAYS, plan, training)
    same = tasks(image, WAYS, next(iter(found.parts.model.weights.values())).dtype, count)
    return found._replace(streams=Streams(*[lambda first, end: same] * 3))


def _state(assembly: Assembly) -> TrainingState:
    return begin(assembly.learner, assembly.parts, assembly.cell.training.inner_steps, assembly.plan.device)
