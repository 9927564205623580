"""Inner optimizers with one fault each."""

from math import inf, sqrt

import torch

from fewshot_bench.inner_optimizers.base import InnerOptimizer, per_tensor


def rule(step=None, init=None, hyper=None, bounds=None, names=("lr",)):
    """SGD with momentum, but for what is given."""

    def good_step(params, grads, state, hyper):
        v = {name: 0.5 * state["v"][name] + g for name, g in grads.items()}
        return {name: p - hyper["lr"][name] * v[name] for name, p in params.items()}, {"v": v}

    return lambda: InnerOptimizer(
        init=init or (lambda params, outer: {"v": {name: torch.zeros_like(p) for name, p in params.items()}}),
        hyperparameters=hyper or (lambda params: {name: per_tensor(params, 0.1) for name in names}),
        step=step or good_step,
        bounds=bounds or dict.fromkeys(names, (0.0, inf)),
    )


def in_place(params, grads, state, hyper):
    for name, p in params.items():
        p -= hyper["lr"][name] * grads[name]
    return params, state


def by_item(params, grads, state, hyper):
    return {name: p - hyper["lr"][name].item() * grads[name] for name, p in params.items()}, state


def by_float_of_gradient(params, grads, state, hyper):
    sizes = {name: sqrt(float((g.detach() * g.detach()).sum())) for name, g in grads.items()}
    return {name: p - hyper["lr"][name] * grads[name] / (1 + sizes[name]) for name, p in params.items()}, state


def by_norm(params, grads, state, hyper):
    norms = {name: (g * g).sum().sqrt() for name, g in grads.items()}
    return {n: p - hyper["lr"][n] * grads[n] / (norms[n] + 1e-8) for n, p in params.items()}, state


def grows(params, grads, state, hyper):
    moved = {name: p - hyper["lr"][name] * grads[name] for name, p in params.items()}
    return moved, {**state, "more": grads}


def scalars_alone(params, grads, state, hyper):
    return {name: p - hyper["lr"][name].sum() * grads[name] for name, p in params.items()}, state


def asks_for_beta(params, grads, state, hyper):
    return {name: p - hyper["beta"][name] * grads[name] for name, p in params.items()}, state


def remembering():
    seen = []

    def step(params, grads, state, hyper):
        seen.append(1)
        return {name: p - hyper["lr"][name] * grads[name] / len(seen) for name, p in params.items()}, state

    return rule(step)()


def widened(params, grads, state, hyper):
    return {name: p.double() - hyper["lr"][name] * grads[name] for name, p in params.items()}, state


def outer_moments(params, outer):
    return {"m": {name: torch.zeros_like(p) for name, p in params.items()} if outer is None else dict(outer.exp_avg)}


def along_outer(params, grads, state, hyper):
    return {name: params[name] - hyper["lr"][name] * (grads[name] + m) for name, m in state["m"].items()}, state


def positional(lr=0.1):
    return rule()()


CASES = [
    (rule(in_place), "pure functions", False, "step: it changes what it is given"),
    (rule(by_item), "derivatives", False, "slopes along lr, 0 by autograd"),
    (rule(by_float_of_gradient), "derivatives", False, "slopes along start"),
    (rule(by_float_of_gradient), "vmap equals loop", False, "it looks at a tensor's value in Python"),
    (rule(by_float_of_gradient), "traced", False, "it looks at a tensor's value in Python"),
    (remembering, "traced", False, "It decides by numbers, or remembers some"),
    (rule(by_norm), "zero gradients", False, "infinite or NaN"),
    (rule(grows), "state", False, "a step changes the state's slots"),
    (rule(scalars_alone), "any grain", False, "Use them elementwise"),
    (rule(asks_for_beta), "hyperparameters are read", False, "step reads 'beta'"),
    (rule(names=("lr", "idle")), "hyperparameters are read", False, "step does not use idle"),
    (rule(bounds={"beta": (0.0, 1.0)}), "bounds", False, "bounds are of beta, hyperparameters lr"),
    (rule(bounds={"lr": (1.0, 0.0)}), "bounds", False, "the first has to be the lower"),
    (rule(bounds={"lr": (0.2, 1.0)}), "bounds", None, "`lr` starts at 0.1, outside [0.2, 1]"),
    (rule(by_float_of_gradient), "run", False, "it looks at a tensor's value in Python"),
    (remembering, "pure functions", False, "step: given the same once more"),
    (rule(widened), "state", False, "a step on float32 gives another type"),
    (rule(along_outer, outer_moments), "part of the parameters", False, "KeyError"),
    (rule(init=lambda params, outer: None), "state", False, "init gives a NoneType"),
    (rule(hyper=lambda params: {"lr": 0.1}), "contract", False, ""),
    (positional, "options", None, "no grid can set `lr`"),
    (rule(hyper=lambda params: {"lr": per_tensor(params, -0.1)}), "descent", None, "after 20 steps"),
    (lambda: "sgd", "contract", False, "it makes a str"),
    (lambda: None, "contract", False, "it makes a NoneType"),
]
