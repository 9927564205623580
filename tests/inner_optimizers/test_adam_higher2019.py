"""adam-higher2019 is what `higher` computes, its wrong gradient to beta2 included."""

import higher
import pytest
import torch

from fewshot_bench.inner_optimizers import INNER_OPTIMIZERS
from fewshot_bench.inner_optimizers.base import OuterState
from tests.inner_optimizers.cases import after, quadratic, start, walk, warm

SETTINGS = [
    pytest.param({"lr": 0.1, "beta1": 0.5, "beta2": 0.5, "eps": 1e-8}, id="as in the paper's fork"),
    pytest.param({"lr": 0.05, "beta1": 0.9, "beta2": 0.99, "eps": 1e-8}, id="long memory"),
    pytest.param({"lr": 0.05, "beta1": 0.8, "beta2": 0.9, "eps": 1e-2}, id="an eps that shows where it is added"),
]


def with_higher(options, params, outer: OuterState | None, steps: int):
    """Loss after `steps` of higher's Adam, and its gradients to the start, lr, beta1 and beta2 of every tensor."""
    leaf = {key: p.clone().requires_grad_() for key, p in params.items()}
    betas = options["beta1"], options["beta2"]
    made = torch.optim.Adam([{"params": [p]} for p in leaf.values()], options["lr"], betas, options["eps"])
    if outer is not None:
        for key, p in leaf.items():
            moments = {"exp_avg": outer.exp_avg[key].clone(), "exp_avg_sq": outer.exp_avg_sq[key].clone()}
            made.state[p] = {"step": int(outer.steps), **moments}
    learned = {
        name: [torch.tensor(options[name], dtype=torch.float64, requires_grad=True) for _ in leaf]
        for name in ("lr", "beta1", "beta2")
    }
    override = {"lr": learned["lr"], "betas": list(zip(learned["beta1"], learned["beta2"], strict=True))}
    inner = higher.optim.DifferentiableAdam(made, list(leaf.values()), override=override)
    moving = list(leaf.values())
    for _ in range(steps):
        moving = list(inner.step(quadratic(dict(zip(leaf, moving, strict=True))), params=moving))
    loss = quadratic(dict(zip(leaf, moving, strict=True)))
    wanted = [*leaf.values(), *(value for values in learned.values() for value in values)]
    return loss, torch.autograd.grad(loss, wanted)


@pytest.mark.filterwarnings("ignore:Converting a tensor with requires_grad")  # the square root that cuts beta2's graph
@pytest.mark.parametrize("options", SETTINGS)
@pytest.mark.parametrize("start_from", ["zeros", "meta-optimizer"])
def test_loss_and_every_gradient_equal_highers(options, start_from):
    rule, params = INNER_OPTIMIZERS["adam-higher2019"](**options), start()
    outer = warm(params) if start_from == "meta-optimizer" else None
    hyper = rule.hyperparameters(params)
    value = after(rule, params, hyper, outer)
    by_start, by_hyper = torch.func.grad(lambda w, h: after(rule, w, h, outer), argnums=(0, 1))(params, hyper)
    loss, theirs = with_higher(options, params, outer, steps=7)
    assert torch.isclose(value, loss, rtol=0, atol=1e-12)
    ours = [*by_start.values(), *(g for name in ("lr", "beta1", "beta2") for g in by_hyper[name].values())]
    for own, their in zip(ours, theirs, strict=True):
        assert torch.allclose(own, their, rtol=1e-10, atol=1e-10)


def by_beta2(name: str, beta2: float, outer: OuterState | None) -> tuple[float, float]:
    """The gradient to the matrix's beta2, and its central difference."""
    rule, params = INNER_OPTIMIZERS[name](lr=0.05, beta1=0.9, beta2=beta2), start()
    hyper = rule.hyperparameters(params)

    def of(value):
        moved = hyper | {"beta2": hyper["beta2"] | {"matrix": value}}
        return after(rule, params, moved, outer)

    at, size = hyper["beta2"]["matrix"], 1e-6
    return float(torch.func.grad(of)(at)), float((of(at + size) - of(at - size)) / (2 * size))


@pytest.mark.parametrize("beta2", [0.5, 0.9, 0.99])
def test_its_gradient_to_beta2_is_not_the_finite_difference_and_adams_is(beta2):
    exact, difference = by_beta2("adam", beta2, None)
    assert exact == pytest.approx(difference, rel=1e-5)
    wrong, difference = by_beta2("adam-higher2019", beta2, None)
    assert abs(wrong - difference) > 0.5 * abs(difference)


def test_the_error_fades_once_the_count_is_well_above_the_memory_of_beta2():
    """What is cut is the derivative of 1 - beta2^t, which is nothing when beta2^t is."""
    params = start()
    early, late = (warm(params)._replace(steps=torch.tensor(t, dtype=torch.float64)) for t in (3.0, 3000.0))
    wrong, difference = by_beta2("adam-higher2019", 0.99, early)
    assert abs(wrong - difference) > 0.5 * abs(difference)
    right, difference = by_beta2("adam-higher2019", 0.99, late)
    assert right == pytest.approx(difference, rel=1e-5)


def test_without_eps_it_walks_as_adam_does():
    """The two forms differ in nothing but where eps is added."""
    params, options = start(), {"lr": 0.05, "beta1": 0.9, "beta2": 0.99}
    ends = {}
    for eps in (0.0, 1e-2):
        for name in ("adam", "adam-higher2019"):
            rule = INNER_OPTIMIZERS[name](eps=eps, **options)
            ends[name, eps], _ = walk(rule, params, rule.hyperparameters(params), rule.init(params, None), steps=50)
    for key in params:
        assert torch.allclose(ends["adam", 0.0][key], ends["adam-higher2019", 0.0][key], rtol=0, atol=1e-12)
        assert not torch.allclose(ends["adam", 1e-2][key], ends["adam-higher2019", 1e-2][key], rtol=0, atol=1e-4)
