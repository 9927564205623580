"""Tests of what a learner's functions return: names, shapes and types, predictions, and the same for the same.

A candidate is tried with a small network without kinks, SGD and two tasks, in float64.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor

from fewshot_bench.basics.counting import counted
from fewshot_bench.basics.images import ImageShape
from fewshot_bench.conformance.findings import Outcome, listed, within
from fewshot_bench.conformance.measures import apart, finite, impurity, same
from fewshot_bench.conformance.shared_checks import settable
from fewshot_bench.conformance.tiny import TRAIN_CLASSES, in_training, one, smooth, tasks
from fewshot_bench.hypergradients.problem import Task
from fewshot_bench.inner_optimizers import INNER_OPTIMIZERS
from fewshot_bench.learners.base import (
    Gradient,
    Learner,
    Memory,
    Meta,
    MetaUpdate,
    Parts,
    Progress,
    Stage,
    Traits,
    as_learner,
)
from fewshot_bench.learners.model import build

IMAGE, WAYS, STEPS = ImageShape(1, 8, 8), 3, 2

ALONE = 1e-10  # allowed between an inductive prediction among some queries and among others


class Candidate(NamedTuple):
    """make() -> learner, its options given."""

    make: Callable[..., Any]


class LearnerTrial(NamedTuple):
    """A learner in mid-training, its meta-parameters where they start."""

    learner: Learner
    parts: Parts
    meta: Meta
    stage: Stage


def trial(candidate: Candidate, memory: Memory | None = None) -> LearnerTrial:
    """With SGD, after some meta-steps of another start; memory: of the task before, else what the first is given."""
    learner = as_learner(candidate.make())
    model = build(lambda: smooth(IMAGE, WAYS).double(), WAYS, seed=0)
    parts = Parts(model, INNER_OPTIMIZERS["sgd"](), TRAIN_CLASSES)
    carried = learner.memory(parts) if memory is None else memory
    return LearnerTrial(learner, parts, learner.start(parts, STEPS), in_training(model.weights, STEPS, carried))


def two_tasks(ways: int = WAYS, queries: int = 2) -> Task:
    """1-shot tasks on a leading axis."""
    return tasks(IMAGE, ways, torch.float64, queries=queries)


def contract(candidate: Candidate) -> Outcome:
    """What learners.base.Learner names and has no default for."""
    made = as_learner(candidate.make())
    if not isinstance(made.traits, Traits):
        return False, f"traits is a {type(made.traits).__name__}; it has to be Traits, and no method."
    told = [f"{name} = {value!r}" for name, value in made.traits._asdict().items()]
    return True, ", ".join(told)


def options(candidate: Candidate) -> Outcome:
    """A grid can set them."""
    return settable(candidate.make, supplied=0)


def meta_parameters(candidate: Candidate) -> Outcome:
    """Flat names "<group>/<name>", floating-point tensors, of the network's type."""
    learner, parts, meta, _ = trial(candidate)
    fault = _not_flat(meta)
    if fault is None and not meta:
        fault = "nothing, so there is nothing to learn"
    if fault is not None:
        return False, f"start gives {fault}."
    if not same(meta, learner.start(parts, STEPS)):
        return False, "start gives something else each time; what is random has to come from the network's weights."
    odd = [name for name, tensor in meta.items() if tensor.dtype != next(iter(parts.model.weights.values())).dtype]
    if odd:
        return False, f"start makes {listed(odd)} of another type than the weights. Make new tensors with w.new_zeros."
    count = sum(tensor.numel() for tensor in meta.values())
    return True, f"{count:,} in {listed(dict.fromkeys(name.partition('/')[0] for name in meta), most=9)}"


def memory(candidate: Candidate) -> Outcome:
    """What is carried from task to task keeps its names and shapes."""
    learner, parts, meta, stage = trial(candidate)
    before = stage.memory
    fault = _not_flat(before) if before else None
    if fault is not None:
        return False, f"memory gives {fault}."
    after = learner.meta_gradient(parts, meta, stage, one(two_tasks())).memory
    if _shapes(before) != _shapes(after):
        return (
            False,
            f"memory() has {listed(before)}, a task's Gradient {listed(after)}: the same names and shapes, please.",
        )
    return True, f"{listed(before)}; tasks one after another" if before else "none; tasks know nothing of each other"


def gradient(candidate: Candidate) -> Outcome:
    """Shaped like the meta-parameters, with loss and accuracy; the meta-update takes it."""
    learner, parts, meta, stage = trial(candidate)
    found = learner.meta_gradient(parts, meta, stage, one(two_tasks()))
    if not isinstance(found, Gradient):
        return False, f"meta_gradient gives a {type(found).__name__}; it has to be a Gradient."
    if _shapes(found.meta) != _shapes(meta):
        odd = sorted(set(found.meta) ^ set(meta)) or [n for n in meta if found.meta[n].shape != meta[n].shape]
        return False, f"names or shapes are not those of start: {listed(odd)}."
    if not {"loss", "accuracy"} <= set(found.metrics) or any(value.dim() for value in found.metrics.values()):
        return (
            False,
            f"metrics are {listed(found.metrics, most=9)}; loss and accuracy, and 0-dimensional tensors alone.",
        )
    bad = [name for name, g in (found.meta | found.metrics).items() if not finite(g)]
    if bad:
        return False, f"not finite: {listed(bad)}."
    rule = learner.update(parts)
    if not isinstance(rule, MetaUpdate):
        return False, f"update gives a {type(rule).__name__}; it has to be a MetaUpdate."
    if _shapes(rule.clip(found.meta)) != _shapes(meta) or _shapes(rule.bound(meta)) != _shapes(meta):
        return False, "clip and bound have to keep names and shapes."
    rates = [rule.rate(Progress(iteration, 100, 10)) for iteration in (0, 50, 99)]
    return True, f"finite, for each meta-parameter; meta-learning rate {rates[0]:g}, at the end {rates[-1]:g}"


def pure_functions(candidate: Candidate) -> Outcome:
    """meta_gradient and predict: nothing in place, nothing kept, nothing drawn."""
    learner, parts, meta, stage = trial(candidate)
    task, other = (one(two_tasks(), index) for index in (0, 1))

    def meta_gradient(meta: Any, stage: Any, task: Any) -> Any:
        return learner.meta_gradient(parts, meta, stage, task)

    def predict(meta: Any, stage: Any, task: Any) -> Any:
        return learner.predict(parts, meta, stage, task, "transductive")

    for function in (meta_gradient, predict):
        fault = impurity(function, meta, stage, task, between=partial(function, meta, stage, other))
        if fault is not None:
            return False, f"{function.__name__}: {fault}"
    return True, "of meta-parameters, stage and task"


def shown(candidate: Candidate) -> Outcome:
    """What is drawn over training."""
    learner, parts, meta, _ = trial(candidate)
    values = learner.learned(parts, meta)
    bad = [name for name, value in values.items() if "/" not in name or value.shape not in ((), (STEPS,))]
    if bad:
        return False, f'learned gives {listed(bad)}; names are "<hyperparameter>/<parameter>", values [] or [steps].'
    return True, listed(dict.fromkeys(name.partition("/")[0] for name in values), most=9)


def logits(candidate: Candidate) -> Outcome:
    """One row a query, after as many steps as in training, none, or more."""
    learner, parts, meta, stage = trial(candidate)
    for queries in (1, 2):
        for steps in (STEPS, 0, STEPS + 3):
            for batch_norm in ("transductive", "inductive"):
                task, now = one(two_tasks(queries=queries)), stage._replace(steps=steps)
                found, wanted = learner.predict(parts, meta, now, task, batch_norm), (queries * WAYS, WAYS)
                if found.shape != wanted or not finite(found):
                    what = f"{list(found.shape)}" if found.shape != wanted else "what is not finite"
                    return (
                        False,
                        f"{batch_norm}, {counted(steps, 'step')}: gives {what} for logits of shape {list(wanted)}.",
                    )
    return True, f"[queries, ways], finite, after 0, {STEPS} and {STEPS + 3} steps"


def labels_are_unseen(candidate: Candidate) -> Outcome:
    """Query labels are what predictions are judged by."""
    learner, parts, meta, stage = trial(candidate)
    task = one(two_tasks())
    swapped = task._replace(query=task.query._replace(y=(task.query.y + 1) % WAYS))
    for batch_norm in ("transductive", "inductive"):
        if not same(*(learner.predict(parts, meta, stage, t, batch_norm) for t in (task, swapped))):
            return False, f"{batch_norm} predictions change with the labels of the queries: they are looked at."
    return True, "predictions are the same whatever they are"


def inductive(candidate: Candidate) -> Outcome:
    """A query's prediction does not depend on the queries that come with it."""
    learner, parts, meta, stage = trial(candidate)
    task = one(two_tasks())
    x = task.query.x.clone()
    x[1:] = 1 - x[1:]
    among_others = task._replace(query=task.query._replace(x=x))
    first, second = (learner.predict(parts, meta, stage, t, "inductive")[0] for t in (task, among_others))
    what = "inductive predictions for one query among two sets of others"
    return within(apart(first, second), ALONE, what, "Normalise a query with the support set: see model.query_logits.")


def _not_flat(tensors: Any) -> str | None:
    """What it is instead of a flat dict of named tensors; None where it is one."""
    if not isinstance(tensors, dict):
        return f"a {type(tensors).__name__}; it has to be a dict"
    odd = [name for name, tensor in tensors.items() if not isinstance(tensor, Tensor) or not isinstance(name, str)]
    if odd:
        return f"what is no tensor: {listed(odd)}"
    nameless = [name for name in tensors if "/" not in name]
    return f'{listed(nameless)}; names are "<group>/<name>"' if nameless else None


def _shapes(tensors: dict[str, Tensor]) -> dict[str, Any]:
    return {name: tensor.shape for name, tensor in tensors.items()}
