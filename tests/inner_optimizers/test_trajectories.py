"""Every inner optimizer walks as its torch.optim namesake and can be differentiated in everything it is given."""

import pytest
import torch
from torch import Tensor

from fewshot_bench.inner_optimizers import INNER_OPTIMIZERS
from fewshot_bench.inner_optimizers.base import Hyper, OuterState

SHAPES = {"matrix": (4, 3), "vector": (3,)}

RULES = [
    pytest.param("sgd", {"lr": 0.05}, lambda p: torch.optim.SGD(p, lr=0.05), id="sgd"),
    pytest.param(
        "adam",
        {"lr": 0.05, "beta1": 0.9, "beta2": 0.999},
        lambda p: torch.optim.Adam(p, lr=0.05, betas=(0.9, 0.999), eps=1e-8),
        id="adam",
    ),
    pytest.param(
        "adam",
        {"lr": 0.1, "beta1": 0.5, "beta2": 0.5},
        lambda p: torch.optim.Adam(p, lr=0.1, betas=(0.5, 0.5), eps=1e-8),
        id="adam as in the paper's fork",
    ),
]


def quadratic(params: dict[str, Tensor]) -> Tensor:
    return sum(((1 + i) * (p - i) ** 2).sum() + p.sin().sum() for i, p in enumerate(params.values()))


def start(seed: int = 0) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {name: torch.randn(shape, dtype=torch.float64, generator=generator) for name, shape in SHAPES.items()}


def warm(params: dict[str, Tensor]) -> OuterState:
    """Statistics of a meta-optimizer in mid-training."""
    generator = torch.Generator().manual_seed(7)
    draw = {name: torch.randn(p.shape, dtype=p.dtype, generator=generator) for name, p in params.items()}
    return OuterState(draw, {name: 0.1 + g * g for name, g in draw.items()}, torch.tensor(3.0, dtype=torch.float64))


@pytest.mark.parametrize(("name", "options", "make"), RULES)
def test_fifty_steps_equal_torch_optim(name, options, make):
    rule = INNER_OPTIMIZERS[name](**options)
    ours = start()
    theirs = {key: p.clone().requires_grad_() for key, p in ours.items()}
    reference = make(list(theirs.values()))
    state, hyper = rule.init(ours, None), rule.hyperparameters(ours)
    for _ in range(50):
        grads = torch.func.grad(quadratic)(ours)
        ours, state = rule.step(ours, grads, state, hyper)
        reference.zero_grad()
        quadratic(theirs).backward()
        reference.step()
        for key, p in ours.items():
            assert torch.allclose(p, theirs[key], rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", INNER_OPTIMIZERS)
@pytest.mark.parametrize("outer", [None, "warm"])
def test_gradients_by_every_hyperparameter_and_start_equal_finite_differences(name, outer):
    rule = INNER_OPTIMIZERS[name]()
    params = start()
    hyper = rule.hyperparameters(params)
    names = [(group, key) for group in hyper for key in hyper[group]]
    flat = [hyper[group][key] for group, key in names] + list(params.values())

    def after_three_steps(*values: Tensor) -> Tensor:
        given: Hyper = {group: {} for group in hyper}
        for (group, key), value in zip(names, values[: len(names)], strict=True):
            given[group][key] = value
        w = dict(zip(params, values[len(names) :], strict=True))
        state = rule.init(w, None if outer is None else warm(params))
        for _ in range(3):
            grads = torch.func.grad(quadratic)(w)
            w, state = rule.step(w, grads, state, given)
        return quadratic(w)

    inputs = [value.clone().requires_grad_() for value in flat]
    assert torch.autograd.gradcheck(after_three_steps, inputs, eps=1e-6, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", INNER_OPTIMIZERS)
def test_exactly_zero_gradients_leave_everything_finite(name):
    """A ReLU network has them; sqrt has an infinite derivative there."""
    rule = INNER_OPTIMIZERS[name]()
    params = start()

    def after_two_steps(params: dict[str, Tensor], hyper: Hyper) -> Tensor:
        w, state = params, rule.init(params, None)
        for _ in range(2):
            grads = torch.func.grad(lambda w: (w["matrix"] ** 2).sum() + 0 * w["vector"].sum())(w)
            w, state = rule.step(w, grads, state, hyper)
        return sum((p**2).sum() for p in w.values())

    gradients = torch.func.grad(after_two_steps, argnums=(0, 1))(params, rule.hyperparameters(params))
    for leaf in torch.utils._pytree.tree_leaves(gradients):
        assert torch.isfinite(leaf).all()


def test_adam_started_from_the_meta_optimizer_continues_it():
    """A task's first step equals the step torch's Adam would take next."""
    params = start()
    leaf = {name: p.clone().requires_grad_() for name, p in params.items()}
    outer = torch.optim.Adam(list(leaf.values()), lr=0.01, betas=(0.9, 0.99))
    for _ in range(4):
        outer.zero_grad()
        quadratic(leaf).backward()
        outer.step()
    now = {name: p.detach().clone() for name, p in leaf.items()}
    slots = {name: {k: v.clone() for k, v in outer.state[p].items()} for name, p in leaf.items()}
    state = OuterState(
        {name: s["exp_avg"] for name, s in slots.items()},
        {name: s["exp_avg_sq"] for name, s in slots.items()},
        next(iter(slots.values()))["step"],
    )
    rule = INNER_OPTIMIZERS["adam"](lr=0.01, beta1=0.9, beta2=0.99)
    moved, _ = rule.step(now, torch.func.grad(quadratic)(now), rule.init(now, state), rule.hyperparameters(now))
    outer.zero_grad()
    quadratic(leaf).backward()
    outer.step()
    for name, p in moved.items():
        assert torch.allclose(p, leaf[name].detach(), rtol=0, atol=1e-12)
    cold = INNER_OPTIMIZERS["adam"](from_outer=False).init(now, state)
    assert all(bool((slot == 0).all()) for slots in cold.values() for slot in slots.values())
