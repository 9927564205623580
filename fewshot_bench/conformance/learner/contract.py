"""Tests of what a learner's functions give: names, shapes and types, and the same for the same."""

from functools import partial
from typing import Any

from torch import Tensor

from fewshot_bench.conformance.findings import Outcome, listed
from fewshot_bench.conformance.learner.subject import STEPS, Candidate, trial, two_tasks
from fewshot_bench.conformance.measures import finite, impurity, same
from fewshot_bench.conformance.options import settable
from fewshot_bench.conformance.tiny import one
from fewshot_bench.learners.base import Gradient, MetaUpdate, Progress, Traits, lacking


def contract(candidate: Candidate) -> Outcome:
    """All that learners.base.Learner names."""
    made = candidate.make()
    missing = lacking(made)
    if missing:
        return False, f"a {type(made).__name__} has no {listed(missing, most=9)}; learners/base.py says what they are."
    if not isinstance(made.traits, Traits):
        return False, f"traits is a {type(made.traits).__name__}; it has to be Traits, and a property."
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
