"""Checks of an inner optimizer's gradients: to the start and to every hyperparameter."""

from typing import Any

import torch
from torch import Tensor
from torch.func import grad, vmap

from fewshot_bench.basics.images import ImageShape
from fewshot_bench.conformance.findings import BY_NUMBERS, EAGER_AND_TRACED, TRACED, Outcome, within
from fewshot_bench.conformance.inner_optimizer.contract import STEPS, Rule, bowl, descend, start
from fewshot_bench.conformance.measures import apart, elsewhere, finite, slope
from fewshot_bench.conformance.shared_checks import runs
from fewshot_bench.conformance.tiny import in_training, smooth
from fewshot_bench.hypergradients.batching import tree_map
from fewshot_bench.inner_optimizers.base import Hyper, OuterState, Params
from fewshot_bench.learners import LEARNERS
from fewshot_bench.training.programs.traced import recorded

SLOPE, LAYOUT = 1e-6, 1e-12
"""Allowed errors in float64: of a slope, and between vmap and a loop over starts."""

START = "start"


def any_grain(rule: Rule) -> Outcome:
    """Hyperparameters may have one value per weight (as in Meta-SGD) or any shape that broadcasts."""
    opt, params = rule.make(), start()
    hyper = opt.hyperparameters(params)
    fine = {name: {key: v.expand(params[key].shape).clone() for key, v in vs.items()} for name, vs in hyper.items()}
    error = apart(descend(opt, params, fine), descend(opt, params, hyper))
    return within(error, LAYOUT, "steps with one value a tensor and one a weight", "Use them elementwise.")


def derivatives(rule: Rule) -> Outcome:
    """Derivatives of the loss after three steps, with and without a meta-optimizer's statistics."""
    opt, params = rule.make(), start()
    flat = _flat(params, opt.hyperparameters(params))
    worst = 0.0
    for outer in (None, in_training(params, STEPS).outer):

        def value(part: Params, outer: OuterState | None = outer) -> Tensor:
            return bowl(descend(opt, *_unflat(flat | part), outer))

        gradient = grad(value)(flat)
        for group in dict.fromkeys(name.partition("/")[0] for name in flat):
            mine = [name for name in flat if name.startswith(f"{group}/")]
            at, its = ({name: tensors[name] for name in mine} for tensors in (flat, gradient))
            found = slope(value, at, its, SLOPE)
            if not found.error <= SLOPE:
                by = f"{found.claimed:.6g} by autograd and {found.measured:.6g} by differences,"
                why = "float(), .item(), math.* or a detach cuts a gradient."
                return within(found.error, SLOPE, f"slopes along {group}, {by}", why)
            worst = max(worst, found.error)
    return within(worst, SLOPE, "slopes by autograd and by differences")


def zero_gradients(rule: Rule) -> Outcome:
    """Zero gradients, which ReLU networks have, give finite meta-gradients. A square root at zero would not."""
    opt, params = rule.make(), start()

    def value(params: Params, hyper: Hyper) -> Tensor:
        moved = descend(opt, params, hyper, loss=lambda w: (w["matrix"] ** 2).sum() + 0 * (w["vector"] ** 2).sum())
        return torch.stack([(p**2).sum() for p in moved.values()]).sum()

    if not finite(grad(value, argnums=(0, 1))(params, opt.hyperparameters(params))):
        return (
            False,
            "make the meta-gradient infinite or NaN. Mask roots at zero, as inner_optimizers/one_tensor.py does.",
        )
    return True, "leave everything finite"


def vmap_equals_loop(rule: Rule) -> Outcome:
    """Tasks under vmap and in a loop give the same meta-gradient."""
    opt = rule.make()
    starts = [start(seed) for seed in range(3)]
    hyper = opt.hyperparameters(starts[0])

    def of_one(params: Params) -> Any:
        return grad(lambda p, h: bowl(descend(opt, p, h)), argnums=(0, 1))(params, hyper)

    mapped = vmap(of_one)({name: torch.stack([one[name] for one in starts]) for name in starts[0]})
    looped = tree_map(lambda *leaves: torch.stack(leaves), *[of_one(one) for one in starts])
    return within(apart(mapped, looped), LAYOUT, "meta-gradients", "Something is shared between tasks.")


def traced(rule: Rule) -> Outcome:
    """A gradient that was traced at one start is right at another, with other hyperparameters."""
    opt, params = rule.make(), start()
    first, other = (_flat(start(seed), opt.hyperparameters(params)) for seed in (0, 1))

    def gradient(flat: Params, outer: OuterState) -> Params:
        return grad(lambda flat: bowl(descend(opt, *_unflat(flat), outer, steps=2)))(flat)

    outer = in_training(params, STEPS).outer
    replay = recorded(gradient, first, outer)
    there = elsewhere((other, outer))
    return within(apart(replay(*there), gradient(*there)), TRACED, EAGER_AND_TRACED, BY_NUMBERS)


def descent(rule: Rule) -> Outcome:
    """Whether 20 steps lower the loss. It is only reported, since a rule may need other options than its defaults."""
    opt, params = rule.make(), start()
    before, after = (float(bowl(w)) for w in (params, descend(opt, params, opt.hyperparameters(params), steps=20)))
    return True if after < before else None, f"a bowl of height {before:.3g}, {after:.3g} after 20 steps"


def run(rule: Rule) -> Outcome:
    """A cell with this rule, maml++ and a small network runs as in a grid."""
    return runs(LEARNERS["maml++"](), smooth, rule.make(), ImageShape(1, 8, 8), ways=3)


def _flat(params: Params, hyper: Hyper) -> Params:
    flat = {f"{START}/{key}": p for key, p in params.items()}
    return flat | {f"{name}/{key}": value for name, values in hyper.items() for key, value in values.items()}


def _unflat(flat: Params) -> tuple[Params, Hyper]:
    groups: Hyper = {}
    for name, tensor in flat.items():
        group, _, key = name.partition("/")
        groups.setdefault(group, {})[key] = tensor
    return groups.pop(START), groups
