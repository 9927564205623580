"""Tests of an inner optimizer that need no meta-gradient: what its functions are given and give."""

from typing import Any

import torch
from torch import Tensor
from torch.func import grad

from fewshot_bench.conformance.findings import Outcome, listed
from fewshot_bench.conformance.inner_optimizer.subject import STEPS, Rule, bowl, start, walk
from fewshot_bench.conformance.measures import impurity, same
from fewshot_bench.conformance.options import settable
from fewshot_bench.conformance.tiny import in_training
from fewshot_bench.inner_optimizers.base import InnerOptimizer, Params, State


def contract(rule: Rule) -> Outcome:
    """An InnerOptimizer, with a number a parameter tensor for each hyperparameter."""
    made, params = rule.make(), start()
    if not isinstance(made, InnerOptimizer):
        return False, f"it makes a {type(made).__name__}; it has to make an InnerOptimizer."
    hyper = made.hyperparameters(params)
    for name, values in hyper.items():
        right = isinstance(values, dict) and set(values) == set(params)
        if not right or any(not isinstance(v, Tensor) or v.dim() for v in values.values()):
            return False, f"hyperparameters()[{name!r}] has to hold one 0-dimensional tensor for each parameter tensor."
    return True, f"can learn {', '.join(hyper)}" if hyper else "has nothing to learn"


def options(rule: Rule) -> Outcome:
    """A grid can set them."""
    return settable(rule.make, supplied=0)


def bounds(rule: Rule) -> Outcome:
    """One pair for each hyperparameter, around where it starts."""
    made = rule.make()
    hyper = made.hyperparameters(start())
    if set(hyper) != set(made.bounds):
        return False, f"bounds are of {listed(made.bounds)}, hyperparameters {listed(hyper)}: they have to be the same."
    for name, (low, high) in made.bounds.items():
        first = float(next(iter(hyper[name].values())))
        if not low < high:
            return False, f"`{name}` has the bounds {low} and {high}; the first has to be the lower."
        if not low <= first <= high:
            return None, f"`{name}` starts at {first:g}, outside [{low:g}, {high:g}]; the first meta-step brings it in"
    return True, ", ".join(f"{name} in [{low:g}, {high:g}]" for name, (low, high) in made.bounds.items()) or "none"


def state(rule: Rule) -> Outcome:
    """Slots of tensors by parameter name, the same after a step: a step can follow on every step."""
    made, params = rule.make(), start()
    before = made.init(params, None)
    fault = _not_a_state("init", before, params)
    if fault is not None:
        return False, fault
    after, moved = _one_step(made, params)
    fault = _not_a_state("step", after, params)
    if fault is not None:
        return False, fault
    if _shapes(before) != _shapes(after):
        return False, "a step changes the state's slots, shapes or types, so that it is no longer what init made."
    if _shapes({"": params}) != _shapes({"": moved}):
        return False, "a step changes the names, shapes or types of the parameters."
    single = {name: p.float() for name, p in params.items()}
    if any(p.dtype != torch.float32 for p in _one_step(made, single)[1].values()):
        return False, "a step on float32 gives another type. Make new tensors with torch.zeros_like(p) and the like."
    return True, f"slots: {listed(before)}"


def pure_functions(rule: Rule) -> Outcome:
    """Nothing in place, nothing kept from task to task, nothing drawn."""
    made, params = rule.make(), start()
    hyper, grads, outer = made.hyperparameters(params), grad(bowl)(params), in_training(params, STEPS).outer
    begun = made.init(params, outer)

    for name, function, given in (
        ("init", made.init, (params, outer)),
        ("hyperparameters", made.hyperparameters, (params,)),
        ("step", made.step, (params, grads, begun, hyper)),
    ):
        fault = impurity(function, *given, between=lambda: walk(made, start(seed=9), hyper))
        if fault is not None:
            return False, f"{name}: {fault}"
    return True, "init, hyperparameters and step"


def hyperparameters_are_read(rule: Rule) -> Outcome:
    """What is offered to be learned is what a step uses: without any one of them it fails or goes elsewhere."""
    made, params = rule.make(), start()
    hyper = made.hyperparameters(params)
    try:
        expected = walk(made, params, hyper)
    except KeyError as error:
        return False, f"step reads {error}, which neither hyperparameters() nor the state has for every tensor."
    idle = []
    for name in hyper:
        try:
            if same(walk(made, params, {key: value for key, value in hyper.items() if key != name}), expected):
                idle.append(name)
        except KeyError:
            continue
    if idle:
        return False, f"step does not use {listed(idle)}, so learning it does nothing."
    return True, listed(hyper, most=9)


def part_of_the_parameters(rule: Rule) -> Outcome:
    """A learner may adapt the head alone (ANIL); the meta-optimizer has statistics of everything."""
    made, params = rule.make(), start()
    outer, some = in_training(params, STEPS).outer, {"vector": params["vector"]}
    moved = walk(made, some, made.hyperparameters(some), outer, loss=lambda w: (w["vector"] ** 2).sum())
    if set(moved) != {"vector"}:
        return False, f"given `vector` alone, it gives {listed(moved)}."
    return True, "can be all that adapts"


def _one_step(made: InnerOptimizer, params: Params) -> tuple[State, Params]:
    moved, state = made.step(params, grad(bowl)(params), made.init(params, None), made.hyperparameters(params))
    return state, moved


def _not_a_state(name: str, given: Any, params: Params) -> str | None:
    """What is wrong with what a function gives; None where it is a state."""
    if isinstance(given, dict):
        odd = [
            slot
            for slot, tensors in given.items()
            if not isinstance(tensors, dict)
            or not set(tensors) <= set(params)
            or not all(isinstance(tensor, Tensor) for tensor in tensors.values())
        ]
        if not odd:
            return None
        what = f"slot {listed(odd)}"
    else:
        what = f"a {type(given).__name__}"
    return f"{name} gives {what}, but a state is a dict of slots, each a dict of tensors by parameter name."


def _shapes(state: State) -> dict[str, Any]:
    return {slot: {name: (t.shape, t.dtype) for name, t in tensors.items()} for slot, tensors in state.items()}
