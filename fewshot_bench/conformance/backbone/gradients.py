"""Checks of a backbone's gradients, through maml++, which differentiates it twice."""

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.func import grad, vmap

from fewshot_bench.backbones.functional import FUSED
from fewshot_bench.basics.counting import counted
from fewshot_bench.conformance.backbone.forward import Backbone, maml, model_of, tasks_of
from fewshot_bench.conformance.findings import BY_NUMBERS, EAGER_AND_TRACED, TRACED, Outcome, listed, within
from fewshot_bench.conformance.measures import apart, elsewhere, finite, wrong_slope
from fewshot_bench.conformance.shared_checks import runs
from fewshot_bench.conformance.tiny import one
from fewshot_bench.hypergradients.batching import over_tasks
from fewshot_bench.hypergradients.problem import Batch, Task
from fewshot_bench.hypergradients.vectors import plus
from fewshot_bench.inner_optimizers import INNER_OPTIMIZERS
from fewshot_bench.inner_optimizers.base import Params
from fewshot_bench.learners import LEARNERS
from fewshot_bench.learners.base import WEIGHTS, select
from fewshot_bench.learners.smoke_test import PERTURBATION, perturbed
from fewshot_bench.training.programs.traced import recorded

SLOPE, LAYOUT = 1e-5, 1e-10
"""Allowed errors in float64: of a slope of the meta-loss, and between vmap and a loop over tasks."""

POINTS = 3
"""Number of points in weight space at which slopes are measured, until they agree at one."""


def finite_meta_gradient(net: Backbone) -> Outcome:
    """The meta-gradient is finite in float32, the precision of training."""
    untouched: set[str] = set()
    for rule in ("sgd", "adam"):
        trial = maml(net, rule, torch.float32)
        found = trial.gradient(trial.meta, one(tasks_of(net, torch.float32))).meta
        bad = [name for name, g in found.items() if not finite(g)]
        if bad:
            return False, f"with {rule}, not finite for {listed(bad)}. The root or the norm of a zero does that."
        untouched |= {name for name, g in select(found, WEIGHTS).items() if not bool(g.any())}
    if len(untouched) == len(select(trial.meta, WEIGHTS)):
        return False, "exactly zero for every tensor: nothing would be learned. A detach, no_grad or .data does that."
    if untouched:
        return None, f"finite with sgd and adam; exactly zero for {listed(sorted(untouched))}"
    return True, "with sgd and adam, for every tensor"


def second_derivatives(net: Backbone) -> Outcome:
    """The meta-gradient of each tensor equals finite differences of the meta-loss, inner steps included.

    Weights are moved off their initial values. Residual networks start with gains of zero, which put each ReLU behind
    them exactly on its kink, where the derivative is not defined. A large network may still have a kink so near that
    every difference crosses it, so up to POINTS such weights are tried. A wrong gradient fails at each.
    """
    trial, task = maml(net, "sgd"), one(tasks_of(net))
    of_value = maml(net, "sgd", second_order=False)  # its loss is the same, and its gradient takes half the time
    weights = {name: p for name, p in trial.meta.items() if name.startswith(f"{WEIGHTS}/")}
    for point in range(POINTS):
        meta = trial.meta | perturbed(weights, point)
        gradient = trial.gradient(meta, task).meta
        wrong = wrong_slope(lambda at: of_value.gradient(at, task).metrics["loss"], meta, gradient, SLOPE)
        if wrong is None:
            break
    where = f"at weights moved {PERTURBATION:.0%} off their initial values"
    if wrong is None:
        return (
            True,
            f"slopes of the meta-loss along {counted(len(meta), 'tensor')}, one by one, agree to {SLOPE:.0e}, {where}",
        )
    name, found = wrong
    differences = f"finite differences of step {found.step:g}"
    by = f"{found.claimed:.6g} by the meta-gradient and {found.measured:.6g} by {differences},"
    why = "A detach, no_grad, .data or .item() cuts a gradient. A discontinuous network fails too."
    return within(found.error, SLOPE, f"slopes of the meta-loss along {name}, {by} {where},", why)


def vmap_equals_loop(net: Backbone) -> Outcome:
    """Tasks under vmap and in a loop give the same meta-gradient."""
    trial, batch = maml(net, "sgd"), tasks_of(net)
    looped, mapped = (over_tasks(lambda task: trial.gradient(trial.meta, task), n)(batch).meta for n in (1, 2))
    return within(
        apart(mapped, looped), LAYOUT, "meta-gradients", "A layer mixes tasks, or is one that vmap gets wrong."
    )


def traced(net: Backbone) -> Outcome:
    """A gradient that was traced on one task gives the right gradient of another."""
    written, trial = maml(net, "sgd", operations=FUSED), maml(net, "sgd")
    first, second = (one(tasks_of(net), index) for index in (0, 1))
    replay = recorded(lambda meta, task: written.gradient(meta, task).meta, trial.meta, first)
    meta = elsewhere(trial.meta)
    return within(apart(replay(meta, second), trial.gradient(meta, second).meta), TRACED, EAGER_AND_TRACED, BY_NUMBERS)


def run(net: Backbone) -> Outcome:
    """A cell with this backbone, maml++ and SGD runs as in a grid."""
    return runs(LEARNERS["maml++"](), net.make, INNER_OPTIMIZERS["sgd"](), net.image, net.ways)


def grad_outside_vmap(net: Backbone) -> Outcome:
    """Whether grad(vmap(task)) works too. This package never uses that order, but other programs may."""
    model, batch = model_of(net), tasks_of(net)

    def loss(weights: Params, examples: Batch) -> Tensor:
        return F.cross_entropy(model.apply(weights, examples.x, None), examples.y)

    def adapted(weights: Params, task: Task) -> Tensor:
        return loss(plus(weights, grad(loss)(weights, task.support), -0.1), task.query)

    over = (None, 0)
    try:
        outside = grad(lambda weights: vmap(adapted, in_dims=over)(weights, batch).mean())(model.weights)
    except Exception as error:  # somebody's layer may raise anything
        return None, f"gradients cannot be taken outside vmap ({type(error).__name__}); nothing here takes them there"
    inside = vmap(grad(adapted), in_dims=over)(model.weights, batch)
    off = apart(outside, {name: g.mean(0) for name, g in inside.items()})
    if off <= LAYOUT:
        return True, f"gradients taken inside and outside vmap differ by {off:.1e}"
    return None, f"gradients taken outside vmap are off by {off:.1e}; nothing here takes them there"
