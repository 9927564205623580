"""Checks of an inner optimizer's contract, and the small problem in float64 that its checks share."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.func import grad

from fewshot_bench.conformance.findings import Outcome, listed
from fewshot_bench.conformance.measures import impurity, same
from fewshot_bench.conformance.shared_checks import settable
from fewshot_bench.conformance.tiny import in_training
from fewshot_bench.inner_optimizers.base import Hyper, InnerOptimizer, OuterState, Params, State

STEPS = 3


class Rule(NamedTuple):
    """The inner optimizer to check. make() -> InnerOptimizer, with options set."""

    make: Callable[..., Any]


def start(seed: int = 0) -> Params:
    """Random parameters: a matrix, a vector and a number."""
    generator = torch.Generator().manual_seed(seed)
    shapes: dict[str, tuple[int, ...]] = {"matrix": (4, 3), "vector": (3,), "number": ()}
    return {name: torch.randn(shape, dtype=torch.float64, generator=generator) for name, shape in shapes.items()}


def bowl(params: Params) -> Tensor:
    """The loss: a quadratic plus sines, so that its second derivatives are not constant."""
    return torch.stack([((1 + i) * (p - i) ** 2).sum() + p.sin().sum() for i, p in enumerate(params.values())]).sum()


def descend(
    opt: InnerOptimizer,
    params: Params,
    hyper: Hyper,
    outer: OuterState | None = None,
    *,
    loss: Callable[[Params], Tensor] = bowl,
    steps: int = STEPS,
) -> Params:
    """The parameters after `steps` steps on `loss`."""
    state = opt.init(params, outer)
    for _ in range(steps):
        params, state = opt.step(params, grad(loss)(params), state, hyper)
    return params


def contract(rule: Rule) -> Outcome:
    """The factory makes an InnerOptimizer, with one number per parameter tensor for each hyperparameter."""
    opt, params = rule.make(), start()
    if not isinstance(opt, InnerOptimizer):
        return False, f"it makes a {type(opt).__name__}; it has to make an InnerOptimizer."
    hyper = opt.hyperparameters(params)
    for name, values in hyper.items():
        right = isinstance(values, dict) and set(values) == set(params)
        if not right or any(not isinstance(v, Tensor) or v.dim() for v in values.values()):
            return False, f"hyperparameters()[{name!r}] has to hold one 0-dimensional tensor for each parameter tensor."
    return True, f"can learn {', '.join(hyper)}" if hyper else "has nothing to learn"


def options(rule: Rule) -> Outcome:
    """A grid can set the options."""
    return settable(rule.make, supplied=0)


def bounds(rule: Rule) -> Outcome:
    """Each hyperparameter has one pair of bounds, which contains its initial value."""
    opt = rule.make()
    hyper = opt.hyperparameters(start())
    if set(hyper) != set(opt.bounds):
        return False, f"bounds are of {listed(opt.bounds)}, hyperparameters {listed(hyper)}: they have to be the same."
    for name, (low, high) in opt.bounds.items():
        first = float(next(iter(hyper[name].values())))
        if not low < high:
            return False, f"`{name}` has the bounds {low} and {high}; the first has to be the lower."
        if not low <= first <= high:
            return None, f"`{name}` starts at {first:g}, outside [{low:g}, {high:g}]; the first meta-step brings it in"
    return True, ", ".join(f"{name} in [{low:g}, {high:g}]" for name, (low, high) in opt.bounds.items()) or "none"


def state(rule: Rule) -> Outcome:
    """The state is slots of tensors by parameter name, and a step keeps its names, shapes and types."""
    opt, params = rule.make(), start()
    before = opt.init(params, None)
    fault = _not_a_state("init", before, params)
    if fault is not None:
        return False, fault
    after, moved = _one_step(opt, params)
    fault = _not_a_state("step", after, params)
    if fault is not None:
        return False, fault
    if _shapes(before) != _shapes(after):
        return False, "a step changes the state's slots, shapes or types, so that it is no longer what init made."
    if _shapes({"": params}) != _shapes({"": moved}):
        return False, "a step changes the names, shapes or types of the parameters."
    single = {name: p.float() for name, p in params.items()}
    if any(p.dtype != torch.float32 for p in _one_step(opt, single)[1].values()):
        return False, "a step on float32 gives another type. Make new tensors with torch.zeros_like(p) and the like."
    return True, f"slots: {listed(before)}"


def pure_functions(rule: Rule) -> Outcome:
    """The functions change nothing in place, keep no state between tasks, and draw no random numbers."""
    opt, params = rule.make(), start()
    hyper, grads, outer = opt.hyperparameters(params), grad(bowl)(params), in_training(params, STEPS).outer
    begun = opt.init(params, outer)

    for name, function, given in (
        ("init", opt.init, (params, outer)),
        ("hyperparameters", opt.hyperparameters, (params,)),
        ("step", opt.step, (params, grads, begun, hyper)),
    ):
        fault = impurity(function, *given, between=lambda: descend(opt, start(seed=9), hyper))
        if fault is not None:
            return False, f"{name}: {fault}"
    return True, "init, hyperparameters and step"


def hyperparameters_are_read(rule: Rule) -> Outcome:
    """A step uses every hyperparameter: without any one of them it fails or gives another result."""
    opt, params = rule.make(), start()
    hyper = opt.hyperparameters(params)
    try:
        expected = descend(opt, params, hyper)
    except KeyError as error:
        return False, f"step reads {error}, which neither hyperparameters() nor the state has for every tensor."
    idle = []
    for name in hyper:
        try:
            if same(descend(opt, params, {key: value for key, value in hyper.items() if key != name}), expected):
                idle.append(name)
        except KeyError:
            continue
    if idle:
        return False, f"step does not use {listed(idle)}, so learning it does nothing."
    return True, listed(hyper, most=9)


def part_of_the_parameters(rule: Rule) -> Outcome:
    """The rule works on some parameters alone (as in ANIL), while the meta-optimizer has statistics of all."""
    opt, params = rule.make(), start()
    outer, some = in_training(params, STEPS).outer, {"vector": params["vector"]}
    moved = descend(opt, some, opt.hyperparameters(some), outer, loss=lambda w: (w["vector"] ** 2).sum())
    if set(moved) != {"vector"}:
        return False, f"given `vector` alone, it gives {listed(moved)}."
    return True, "can be all that adapts"


def _one_step(opt: InnerOptimizer, params: Params) -> tuple[State, Params]:
    moved, state = opt.step(params, grad(bowl)(params), opt.init(params, None), opt.hyperparameters(params))
    return state, moved


def _not_a_state(name: str, given: Any, params: Params) -> str | None:
    """Why a function's result is not a state; None if it is one."""
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
