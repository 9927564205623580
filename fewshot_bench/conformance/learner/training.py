"""Tests of a learner in training: a meta-step with every kind of network, and whether it gets anywhere."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import torch

from fewshot_bench.backbones import BACKBONES
from fewshot_bench.basics.images import ImageShape
from fewshot_bench.conformance.findings import Outcome
from fewshot_bench.conformance.learner.subject import IMAGE, WAYS, Candidate, trial, two_tasks
from fewshot_bench.conformance.measures import finite
from fewshot_bench.conformance.tiny import TRAIN_CLASSES, one, smooth, tasks
from fewshot_bench.hypergradients.problem import Task
from fewshot_bench.inner_optimizers import INNER_OPTIMIZERS
from fewshot_bench.learners.base import Learner, Parts, Progress
from fewshot_bench.learners.model import build
from fewshot_bench.training.state import TrainingState, begin, stage, update

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


class Run(NamedTuple):
    """The same tasks over and over, in float32."""

    learner: Learner
    parts: Parts
    state: TrainingState
    batch: Task
    steps: int


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
    pairs = CROSSED if candidate.make().traits.inner_loop else [(network, "none") for network in NETWORKS]
    for network, rule in pairs:
        run = _begin(candidate, NETWORKS[network], SMALL, rule, steps=1, count=1)
        before = {name: tensor.clone() for name, tensor in run.state.meta.items()}
        _meta_step(run)
        if not finite(run.state.meta):
            return False, f"{network} with {rule}: meta-parameters are not finite after a meta-step."
        if all(tensor.equal(before[name]) for name, tensor in run.state.meta.items()):
            return False, f"{network} with {rule}: a meta-step changes nothing."
    return True, "with " + ", ".join(f"{network} and {rule}" for network, rule in pairs)


def descent(candidate: Candidate) -> Outcome:
    """Each meta-step from the statistics of those before. A learner may need other rates than its defaults."""
    run = _begin(candidate, smooth, IMAGE, "adam", steps=2, count=2)
    losses = [_meta_step(run) for _ in range(META_STEPS)]
    if not finite(run.state.meta):
        return False, f"meta-parameters are not finite after {META_STEPS} meta-steps."
    ok = True if losses[-1] < losses[0] else None
    return ok, f"the loss of two tasks goes from {losses[0]:.4g} to {losses[-1]:.4g} in {META_STEPS} meta-steps"


def _begin(
    candidate: Candidate, make: Callable[..., Any], image: ImageShape, rule: str, *, steps: int, count: int
) -> Run:
    learner = candidate.make()
    model = build(lambda: make(image, WAYS), WAYS, seed=0)
    parts = Parts(model, INNER_OPTIMIZERS[rule](), "omniglot", TRAIN_CLASSES)
    state = begin(learner, parts, steps, "cpu")
    return Run(learner, parts, state, tasks(image, WAYS, torch.float32, count), steps)


def _meta_step(run: Run) -> float:
    """One meta-step; the mean loss before it."""
    learner, parts, state, batch, steps = run
    now = stage(state, steps, META_STEPS)
    found = []
    for index in range(len(batch.key)):
        found.append(learner.meta_gradient(parts, state.meta, now, one(batch, index)))
        now = now._replace(memory=found[-1].memory)
    mean = {name: torch.stack([each.meta[name] for each in found]).mean(0) for name in state.meta}
    rule = learner.update(parts)
    rate = rule.rate(Progress(state.iteration, META_STEPS, META_STEPS))
    update(state, rule.clip(mean), rate, rule.bound)
    state.memory = found[-1].memory
    return sum(float(each.metrics["loss"]) for each in found) / len(found)
