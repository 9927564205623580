"""Every inner optimizer walks as its torch.optim namesake, and starts from the meta-optimizer where it says so."""

from collections.abc import Iterator

import pytest
import torch

from fewshot_bench.inner_optimizers import INNER_OPTIMIZERS
from fewshot_bench.inner_optimizers.base import OuterState
from tests.inner_optimizers.cases import (
    CASES,
    EVERY,
    IN_TORCH,
    SHAPES,
    STEPS,
    WARM_STARTS,
    leaves,
    quadratic,
    start,
    walk,
    warm,
)


@pytest.fixture
def doubles() -> Iterator[None]:
    """torch.optim.ASGD keeps its rates in the default type."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def test_every_rule_is_a_case():
    assert {case.name for case in CASES} == set(INNER_OPTIMIZERS)


@pytest.mark.parametrize("case", IN_TORCH)
def test_fifty_steps_equal_torch_optim(case, doubles):
    """Weights, and what is remembered, at every step. Options that are not given are torch's defaults on both sides."""
    rule, ours = case.rule(), start()
    theirs = {key: p.clone().requires_grad_() for key, p in ours.items()}
    reference = case.torch(list(theirs.values()))
    state, hyper = rule.init(ours, None), rule.hyperparameters(ours)
    for _ in range(50):
        ours, state = walk(rule, ours, hyper, state, steps=1)
        reference.zero_grad()
        quadratic(theirs).backward()
        reference.step()
        for key, p in ours.items():
            assert torch.allclose(p, theirs[key], rtol=0, atol=1e-12)
            for slot in set(state) - {"steps"}:
                assert torch.allclose(state[slot][key], reference.state[theirs[key]][slot], rtol=0, atol=1e-12), slot
    assert all(float(count) == 50 for count in state.get("steps", {}).values())


@pytest.mark.parametrize("case", EVERY)
def test_a_step_leaves_what_it_is_given_as_it_was(case):
    rule, params = case.rule(), start()
    grads = torch.func.grad(quadratic)(params)
    _, state = walk(rule, params, rule.hyperparameters(params), rule.init(params, warm(params)), steps=2)
    given = params, grads, state, rule.hyperparameters(params)
    before = [leaf.clone() for leaf in leaves(given)]
    rule.step(*given)
    assert all(torch.equal(*pair) for pair in zip(leaves(given), before, strict=True))


@pytest.mark.parametrize("case", EVERY)
def test_a_part_of_the_weights_adapts_alone(case):
    """A learner may adapt the head only; the meta-optimizer and the hyperparameters know all weights."""
    rule, params = case.rule(), start()
    outer, hyper = warm(params), rule.hyperparameters(params)
    whole, _ = walk(rule, params, hyper, rule.init(params, outer))
    head = {"vector": params["vector"]}
    state = rule.init(head, outer)
    assert all(set(tensors) == {"vector"} for tensors in state.values())
    for _ in range(STEPS):
        grads = torch.func.grad(lambda w: quadratic({"matrix": params["matrix"], **w}))(head)
        head, state = rule.step(head, grads, state, hyper)
    assert all(set(tensors) == {"vector"} for tensors in state.values())
    assert torch.allclose(head["vector"], whole["vector"], rtol=0, atol=1e-14)
    assert rule.step({}, {}, rule.init({}, outer), hyper)[0] == {}  # nothing to adapt is no fault


@pytest.mark.parametrize(
    ("name", "reference"),
    [
        ("adam", lambda p: torch.optim.Adam(p, lr=0.01, betas=(0.9, 0.99))),
        ("adamw", lambda p: torch.optim.AdamW(p, lr=0.01, betas=(0.9, 0.99))),
        ("radam", lambda p: torch.optim.RAdam(p, lr=0.01, betas=(0.9, 0.99))),
    ],
)
def test_started_from_the_meta_optimizer_a_rule_continues_it(name, reference):
    """A task's first step equals the step torch's optimizer would take next."""
    params = start()
    leaf = {key: p.clone().requires_grad_() for key, p in params.items()}
    outer = reference(list(leaf.values()))
    for _ in range(8):
        outer.zero_grad()
        quadratic(leaf).backward()
        outer.step()
    now = {key: p.detach().clone() for key, p in leaf.items()}
    slots = {key: {k: v.clone() for k, v in outer.state[p].items()} for key, p in leaf.items()}
    state = OuterState(
        {key: s["exp_avg"] for key, s in slots.items()},
        {key: s["exp_avg_sq"] for key, s in slots.items()},
        next(iter(slots.values()))["step"],
    )
    rule = INNER_OPTIMIZERS[name](lr=0.01, beta1=0.9, beta2=0.99, from_outer=True)
    moved, _ = walk(rule, now, rule.hyperparameters(now), rule.init(now, state), steps=1)
    outer.zero_grad()
    quadratic(leaf).backward()
    outer.step()
    for key, p in moved.items():
        assert torch.allclose(p, leaf[key].detach(), rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", WARM_STARTS)
def test_from_outer_takes_the_moments_and_without_it_they_are_zero(name):
    params = start()
    outer = warm(params)
    taken = INNER_OPTIMIZERS[name](from_outer=True).init(params, outer)
    for key in SHAPES:
        assert torch.equal(taken["exp_avg"][key], outer.exp_avg[key])
        assert torch.equal(taken["exp_avg_sq"][key], outer.exp_avg_sq[key])
        assert float(taken["steps"][key]) == 3
    cold = INNER_OPTIMIZERS[name](from_outer=False).init(params, outer)
    assert all(bool((slot == 0).all()) for slot in leaves(cold))
    by_default = INNER_OPTIMIZERS[name]().init(params, outer)
    assert any(bool((slot != 0).any()) for slot in leaves(by_default)) == name.startswith("adam-") or name == "adam"


def test_amsgrad_started_from_the_meta_optimizer_never_divides_by_less():
    params = start()
    state = INNER_OPTIMIZERS["amsgrad"](from_outer=True).init(params, warm(params))
    assert all(torch.equal(state["max_exp_avg_sq"][key], state["exp_avg_sq"][key]) for key in SHAPES)


def test_rules_that_have_no_use_for_the_meta_optimizer_ignore_it():
    params = start()
    for name in set(INNER_OPTIMIZERS) - set(WARM_STARTS):
        rule = INNER_OPTIMIZERS[name]()
        pairs = zip(leaves(rule.init(params, warm(params))), leaves(rule.init(params, None)), strict=True)
        assert all(torch.equal(*pair) for pair in pairs), name
