"""Every rule can be differentiated in everything it is given: right, finite at zero, and the same task by task."""

import pytest
import torch
from torch import Tensor

from fewshot_bench.inner_optimizers import INNER_OPTIMIZERS
from fewshot_bench.inner_optimizers.base import Hyper, OuterState
from tests.inner_optimizers.cases import ADAPTING, EVERY, WARM_STARTS, Case, after, leaves, quadratic, start, walk, warm


@pytest.mark.parametrize("case", ADAPTING)
def test_gradients_by_every_hyperparameter_and_start_equal_finite_differences(case):
    """Rprop's steps jump where a sign turns; nothing turns within a finite difference of where this looks."""
    compare_with_finite_differences(case, None)


@pytest.mark.parametrize("name", WARM_STARTS)
def test_gradients_equal_finite_differences_from_the_meta_optimizers_moments_too(name):
    compare_with_finite_differences(Case(name, {"lr": 0.1, "from_outer": True}, None), warm(start()))


def compare_with_finite_differences(case: Case, outer: OuterState | None) -> None:
    rule, params = case.rule(), start()
    hyper = rule.hyperparameters(params)
    wrong_by_design = "beta2" if case.name == "adam-higher2019" else None
    names = [(group, key) for group in hyper for key in hyper[group] if group != wrong_by_design]
    flat = [hyper[group][key] for group, key in names] + list(params.values())

    def of(*values: Tensor) -> Tensor:
        given: Hyper = {group: dict(tensors) for group, tensors in hyper.items()}
        for (group, key), value in zip(names, values[: len(names)], strict=True):
            given[group][key] = value
        w = dict(zip(params, values[len(names) :], strict=True))
        return after(rule, w, given, outer)

    inputs = [value.clone().requires_grad_() for value in flat]
    assert torch.autograd.gradcheck(of, inputs, eps=1e-6, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("case", ADAPTING)
def test_every_hyperparameter_has_an_effect(case):
    """Without one, finite differences would agree with a gradient that is zero by mistake."""
    rule, params = case.rule(), start()
    gradients = torch.func.grad(lambda hyper: after(rule, params, hyper))(rule.hyperparameters(params))
    assert set(gradients) == set(rule.bounds)
    without = {name for name, tensors in gradients.items() if all(float(g) == 0 for g in tensors.values())}
    assert without == ({"beta2"} if case.label() == "radam beta2=0.6" else set())  # never rectified: see `radam`


def test_radam_is_momentum_in_its_first_five_steps_from_zeros():
    rule, params = INNER_OPTIMIZERS["radam"](), start()

    def beta2_gradients(steps: int) -> list[Tensor]:
        def of(hyper: Hyper) -> Tensor:
            return quadratic(walk(rule, params, hyper, rule.init(params, None), steps=steps)[0])

        return leaves(torch.func.grad(of)(rule.hyperparameters(params))["beta2"])

    assert all(float(g) == 0 for g in beta2_gradients(5))
    assert all(float(g) != 0 for g in beta2_gradients(6))


@pytest.mark.parametrize("case", EVERY)
@pytest.mark.parametrize("zero", ["always", "at first", "later"])
def test_exactly_zero_gradients_leave_everything_finite(case, zero):
    """A ReLU network has them, and sqrt no derivative there. By weights, hyperparameters and all of the state.

    In float32, as networks are trained, where more underflows.
    """
    rule = case.rule()
    params = {name: p.float() for name, p in start().items()}
    params["matrix"][0] = 0.0
    reached = {"always": range(0), "at first": range(3, 8), "later": range(3)}[zero]

    def of(params, hyper, state) -> Tensor:
        w = params
        for t in range(8):
            grads = torch.func.grad(lambda w, t=t: (w["matrix"] ** 2).sum() + (t in reached) * w["vector"].exp().sum())(
                w
            )
            w, state = rule.step(w, grads, state, hyper)
        return sum((p**2).sum() for p in w.values()) + 0 * sum(slot.sum() for slot in leaves(state))

    given = params, rule.hyperparameters(params), rule.init(params, None)
    gradients = torch.func.grad(of, argnums=(0, 1, 2))(*given)
    for leaf in leaves(gradients):
        assert torch.isfinite(leaf).all()
    if zero == "always" and not {"weight_decay", "lambd"} & set(rule.bounds):
        assert torch.equal(gradients[0]["vector"], 2 * params["vector"])  # it did not move, so it moves with its start


@pytest.mark.parametrize("case", EVERY)
def test_vmap_over_tasks_equals_the_loop(case):
    """Starts, hyperparameters and the meta-optimizer's statistics all differ by task."""
    rule, starts = case.rule(), [start(seed) for seed in range(3)]
    hyper = [
        {name: {key: v * (1 - 0.01 * i) for key, v in tensors.items()} for name, tensors in given.items()}
        for i, given in enumerate(rule.hyperparameters(w) for w in starts)
    ]
    outer = [warm(w)._replace(steps=torch.tensor(3.0 + i, dtype=torch.float64)) for i, w in enumerate(starts)]

    def of(w, hyper, outer):
        return torch.func.grad(lambda w, hyper: after(rule, w, hyper, outer), argnums=(0, 1))(w, hyper)

    tasks = list(zip(starts, hyper, outer, strict=True))
    looped = [leaves(of(*task)) for task in tasks]
    mapped = leaves(torch.func.vmap(of)(*torch.utils._pytree.tree_map(lambda *parts: torch.stack(parts), *tasks)))
    for i, expected in enumerate(looped):
        for theirs, own in zip(mapped, expected, strict=True):
            assert torch.allclose(theirs[i], own, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("case", EVERY)
def test_hyperparameters_may_be_given_by_element_or_row(case):
    """All equal, they walk as the scalar does, and the gradients of the elements add up to the scalar's."""
    rule, params = case.rule(), start()
    scalar = rule.hyperparameters(params)

    def of(hyper: Hyper) -> Tensor:
        return after(rule, params, hyper)

    value, expected = of(scalar), torch.func.grad(of)(scalar)
    for shape in ((4, 3), (3,)):
        finer = {
            name: {"matrix": tensors["matrix"].expand(shape).clone(), "vector": tensors["vector"].expand(3).clone()}
            for name, tensors in scalar.items()
        }
        assert torch.allclose(of(finer), value, rtol=1e-14, atol=0)
        summed = [g.sum() for g in leaves(torch.func.grad(of)(finer))]
        assert all(torch.allclose(*pair, rtol=1e-9, atol=1e-12) for pair in zip(summed, leaves(expected), strict=True))


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:FutureWarning")  # torch's own, on its first jvp
@pytest.mark.parametrize("case", EVERY)
def test_forward_mode_equals_reverse_mode(case):
    rule, params = case.rule(), start()
    point = params, rule.hyperparameters(params)
    generator = torch.Generator().manual_seed(11)
    along = torch.utils._pytree.tree_map(lambda x: torch.randn(x.shape, dtype=x.dtype, generator=generator), point)
    _, forward = torch.func.jvp(lambda *at: after(rule, *at), point, along)
    reverse = torch.func.grad(lambda *at: after(rule, *at), argnums=(0, 1))(*point)
    total = sum((g * v).sum() for g, v in zip(leaves(reverse), leaves(along), strict=True))
    assert torch.isclose(forward, total, rtol=1e-10, atol=1e-10)


def test_rprop_moves_with_its_start_and_its_first_step_size():
    """Closed form where no sign turns: p_3 = p_0 - sign(g) * lr * (1 + etaplus + etaplus^2)."""
    rule, begin = INNER_OPTIMIZERS["rprop"](lr=0.02), torch.tensor([2.0, -1.5, 3.0], dtype=torch.float64)
    hyper = rule.hyperparameters({"w": begin})

    def end(w: Tensor, hyper: Hyper) -> Tensor:
        return walk(rule, {"w": w}, hyper, rule.init({"w": w}, None), lambda w: (w["w"] ** 2).sum(), 3)[0]["w"]

    by_start, by_hyper = torch.func.jacrev(end, argnums=(0, 1))(begin, hyper)
    assert torch.equal(by_start, torch.eye(3, dtype=torch.float64))
    assert torch.allclose(by_hyper["lr"]["w"], -begin.sign() * (1 + 1.2 + 1.44), rtol=1e-14)
    assert torch.allclose(by_hyper["etaplus"]["w"], -begin.sign() * 0.02 * (1 + 2 * 1.2), rtol=1e-14)
    assert not by_hyper["etaminus"]["w"].any()
