"""Options that make MAML its descendants, against hand-written computations and finite differences in float64."""

import pytest
import torch
import torch.nn.functional as F
from torch.func import grad

from fewshot_bench.hypergradients.batching import over_tasks
from fewshot_bench.learners import LEARNERS
from fewshot_bench.learners.base import WEIGHTS, select
from fewshot_bench.learners.maml import NORMS, maml
from fewshot_bench.learners.maml_family import NAMES
from tests.learners.networks import at, mid_training, no_statistics, one, parts, small, smooth, tasks

STEPS = 3


def loss_of(made, w, batch):
    return F.cross_entropy(made.model.apply(w, batch.x, None), batch.y)


def slope(learner, made, meta, stage, task, direction, size=1e-6):
    ahead, behind = (
        learner.meta_gradient(made, {k: v + s * size * direction[k] for k, v in meta.items()}, stage, task)
        for s in (1, -1)
    )
    return (ahead.metrics["loss"] - behind.metrics["loss"]) / (2 * size)


@pytest.mark.parametrize("rule", ["sgd", "adam"])
@pytest.mark.parametrize("name", [name for name in NAMES if name != "fomaml"])
def test_meta_gradient_equals_finite_differences(name, rule):
    made, task, learner = parts(smooth, rule), one(tasks()), LEARNERS[name]()
    stage, meta = at(mid_training(made), STEPS), learner.start(made, STEPS)
    gradient = learner.meta_gradient(made, meta, stage, task).meta
    assert set(gradient) == set(meta)
    generator = torch.Generator().manual_seed(5)
    for group in {key.split("/")[0] for key in meta}:
        direction = {
            k: torch.randn(v.shape, dtype=v.dtype, generator=generator) * k.startswith(group) for k, v in meta.items()
        }
        found = sum((gradient[key] * direction[key]).sum() for key in meta)
        wanted = slope(learner, made, meta, stage, task, direction)
        assert torch.isclose(found, wanted, rtol=1e-6, atol=1e-8), group


@pytest.mark.parametrize(("name", "moves_head"), [("anil", True), ("boil", False)])
def test_only_the_head_or_only_the_body_adapts(name, moves_head):
    made, task = parts(), one(tasks())
    w = dict(made.model.weights)
    for _ in range(STEPS):
        g = grad(lambda w: loss_of(made, w, task.support))(w)
        w = {k: p - 0.1 * g[k] if (k in made.model.head) == moves_head else p for k, p in w.items()}
    learner, stage = LEARNERS[name](), at(no_statistics(made), STEPS)
    ours = learner.predict(made, learner.start(made, STEPS), stage, task, "transductive")
    assert torch.allclose(ours, made.model.apply(w, task.query.x, None), rtol=0, atol=1e-13)
    assert set(made.model.head) == {"9.weight", "9.bias"}


def test_meta_sgd_has_a_rate_for_each_weight():
    """One step: the gradient to a weight's rate is - (query gradient) * (support gradient), element by element."""
    made, task, learner = parts(), one(tasks()), LEARNERS["meta-sgd"]()
    meta, stage = learner.start(made, 1), at(no_statistics(made), 1)
    g = grad(lambda w: loss_of(made, w, task.support))(made.model.weights)
    adapted = {name: p - 0.1 * g[name] for name, p in made.model.weights.items()}
    at_end = grad(lambda w: loss_of(made, w, task.query))(adapted)
    gradient = learner.meta_gradient(made, meta, stage, task).meta
    for name in g:
        assert torch.allclose(gradient[f"lr/{name}"], -at_end[name] * g[name], rtol=0, atol=1e-14)
    negative = {key: -value for key, value in meta.items()}
    assert learner.update(made).bound(negative) == negative  # rates of either sign
    assert all(value.dim() == 0 for value in learner.learned(made, meta).values())  # the mean over a tensor


def test_original_has_rates_and_norms_for_each_step():
    """Walked by hand with other values at every step; norms do not adapt."""
    made, task, learner = parts(), one(tasks()), LEARNERS["maml++-original"]()
    generator = torch.Generator().manual_seed(4)
    meta = {
        key: value + 0.1 * torch.rand(value.shape, dtype=value.dtype, generator=generator)
        for key, value in learner.start(made, STEPS).items()
    }
    weights, norms, rates = select(meta, WEIGHTS), select(meta, NORMS), select(meta, "lr")
    assert set(norms) == set(made.model.norms)
    assert set(norms) | set(weights) == set(made.model.weights)
    assert set(rates) == set(weights)
    for steps in (STEPS, STEPS + 2):  # steps that were not trained go by the last one's values
        w = dict(weights)
        for t in range(steps):
            now = min(t, STEPS - 1)
            own = {name: value[now] for name, value in norms.items()}
            g = grad(lambda w, own=own: loss_of(made, w | own, task.support))(w)
            w = {name: p - rates[name][now] * g[name] for name, p in w.items()}
        ours = learner.predict(made, meta, at(no_statistics(made), steps), task, "transductive")
        assert torch.allclose(ours, made.model.apply(w | own, task.query.x, None), rtol=0, atol=1e-12)
    shown = learner.learned(made, meta)
    assert all(value.shape == (STEPS,) for value in shown.values())


@pytest.mark.parametrize("rule", ["sgd", "adam"])
def test_recomputed_meta_gradients_are_the_same(rule):
    made, task = parts(small, rule), one(tasks())
    meta = maml().start(made, STEPS)
    exact, again = (
        maml().meta_gradient(made, meta, at(mid_training(made), STEPS, epoch=3, recompute=recompute), task)
        for recompute in (False, True)
    )
    for key, value in exact.meta.items():
        assert torch.allclose(again.meta[key], value, rtol=1e-12, atol=1e-13), key
    assert torch.isclose(exact.metrics["loss"], again.metrics["loss"], rtol=0, atol=1e-14)


@pytest.mark.parametrize("options", [{"second_order": False}, {"second_order_from": 4}, {"truncate": 2}], ids=str)
def test_what_is_not_differentiated_through_all_steps_is_not_recomputed(options):
    made, task, learner = parts(), one(tasks()), maml(**options)
    meta = learner.start(made, STEPS)
    kept, asked = (
        learner.meta_gradient(made, meta, at(no_statistics(made), STEPS, epoch=3, recompute=recompute), task)
        for recompute in (False, True)
    )
    assert all(torch.equal(asked.meta[key], value) for key, value in kept.meta.items())


def test_the_order_of_the_derivative_is_annealed():
    made, task = parts(), one(tasks())
    meta = maml().start(made, STEPS)

    def gradient(epoch, **options):
        return maml(msl_epochs=0, **options).meta_gradient(made, meta, at(no_statistics(made), STEPS, epoch), task).meta

    first, second = gradient(0, second_order=False), gradient(0)
    early, late = gradient(4, second_order_from=5), gradient(5, second_order_from=5)
    for key in meta:
        assert torch.equal(early[key], first[key])
        assert torch.equal(late[key], second[key])
    assert any(not torch.allclose(first[key], second[key]) for key in meta)
    truncated = gradient(0, truncate=1)
    assert not any(bool(truncated[f"{WEIGHTS}/{name}"].any()) for name in made.model.weights)
    assert all(bool(truncated[f"lr/{name}"] != 0) for name in made.model.head)


def test_a_phase_ends_where_the_computation_changes():
    """Multi-step weights move in epochs 0 to 3, which is the first of the last step's loss alone; first order to 5."""
    made, task, learner = parts(), one(tasks()), maml(msl_epochs=3, second_order_from=5)
    meta = learner.start(made, STEPS)
    found = [learner.meta_gradient(made, meta, at(no_statistics(made), STEPS, epoch), task) for epoch in range(8)]
    changes = [
        epoch
        for epoch in range(1, 8)
        if any(not torch.equal(found[epoch].meta[key], found[epoch - 1].meta[key]) for key in meta)
    ]
    assert changes == [1, 2, 3, 5]
    assert [epoch for epoch in range(1, 8) if learner.phase(epoch) != learner.phase(epoch - 1)] == changes


@pytest.mark.parametrize("constraint", ["softplus", "exp"])
@pytest.mark.parametrize("rule", ["sgd", "adam"])
def test_bijectors_start_where_the_clamp_does_and_cannot_leave_the_range(rule, constraint):
    made = parts(rule=rule)
    clamped, free = maml(), maml(constraint=constraint)
    meta = free.start(made, STEPS)
    wanted = clamped.learned(made, clamped.start(made, STEPS))
    for key, value in free.learned(made, meta).items():
        assert torch.isclose(value, wanted[key], rtol=1e-12, atol=0), key
    for shift in (-50.0, 50.0):
        moved = {key: value + shift * (not key.startswith(WEIGHTS)) for key, value in meta.items()}
        assert free.update(made).bound(moved) == moved
        for key, value in free.learned(made, moved).items():
            low, high = made.opt.bounds[key.split("/")[0]]
            assert low <= float(value) <= high, key
    gradient = free.meta_gradient(made, meta, at(mid_training(made), STEPS), one(tasks())).meta
    assert all(bool(value.isfinite().all()) for value in gradient.values())


def test_a_start_that_a_bijector_never_reaches_is_refused():
    with pytest.raises(ValueError, match="`lr` starts at a bound"):
        maml(constraint="exp").start(parts(lr=1e-4), STEPS)


@pytest.mark.parametrize("name", LEARNERS)
def test_layouts_agree_for_every_learner(name):
    """vmap over tasks and the plain loop: the same gradients and metrics."""
    made, batch, learner = parts(), tasks(count=3), LEARNERS[name]()
    meta, stage = learner.start(made, 2), at(no_statistics(made), 2)

    def of_one(task):
        return learner.meta_gradient(made, meta, stage, task)

    looped, mapped = (over_tasks(of_one, at_once)(batch) for at_once in (1, 3))
    for part in (0, 1):
        for key, expected in looped[part].items():
            scale = expected.abs().max().clamp(min=1.0)
            assert ((mapped[part][key] - expected).abs().max() / scale) < 1e-12, key


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"norms": "per-step"}, "norms that do not adapt"),
        ({"truncate": 0}, "`truncate` is 0"),
    ],
)
def test_options_that_exclude_each_other_are_refused(options, says):
    with pytest.raises(ValueError, match=says):
        maml(**options)
