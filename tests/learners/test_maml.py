"""The meta-gradient of the paper's MAML++ against independent answers, all in float64."""

import higher
import pytest
import torch
import torch.nn.functional as F

from fewshot_bench.backbones.norms import with_batch_statistics
from fewshot_bench.inner_optimizers import INNER_OPTIMIZERS
from fewshot_bench.learners.base import WEIGHTS, Progress, clipped, cosine, select
from fewshot_bench.learners.maml import maml, multi_step
from tests.learners.networks import at, mid_training, no_statistics, one, parts, small, smooth, tasks

STEPS = 3


def meta_loss(learner, parts, meta, stage, task):
    return learner.meta_gradient(parts, meta, stage, task).metrics["loss"]


@pytest.mark.parametrize(
    ("rule", "epoch"),
    [(rule, 3) for rule in INNER_OPTIMIZERS] + [(rule, epoch) for rule in ("sgd", "adam") for epoch in (0, 10)],
)
def test_meta_gradient_equals_finite_differences(rule, epoch):
    """The multi-step loss at its start (epoch 0), while it decays, and after it (10)."""
    made, task = parts(smooth, rule), one(tasks())
    learner, stage = maml(), at(mid_training(made), STEPS, epoch)
    meta = learner.start(made, STEPS)
    gradient = learner.meta_gradient(made, meta, stage, task).meta
    assert set(gradient) == set(meta)
    generator, size = torch.Generator().manual_seed(5), 1e-7  # rmsprop bends too much for longer steps
    for group in (WEIGHTS, *made.opt.hyperparameters(made.model.weights)):
        direction = {
            key: torch.randn(value.shape, dtype=value.dtype, generator=generator) * key.startswith(group)
            for key, value in meta.items()
        }
        ahead, behind = (
            meta_loss(learner, made, {k: v + sign * size * direction[k] for k, v in meta.items()}, stage, task)
            for sign in (1, -1)
        )
        along = sum((gradient[key] * direction[key]).sum() for key in meta)
        assert torch.isclose(along, (ahead - behind) / (2 * size), rtol=1e-6, atol=1e-8), group


@pytest.mark.filterwarnings("ignore:Converting a tensor with requires_grad")  # the square root that cuts beta2's graph
@pytest.mark.parametrize("rule", ["sgd", "adam"])
def test_meta_gradient_equals_higher(rule):
    """`higher` differentiates the same network, tasks and rates; its gradient to beta2 is wrong and left out."""
    options = {"eps": 0.0} if rule == "adam" else {}  # higher adds eps elsewhere than torch.optim does
    made, task = parts(small, rule, **options), one(tasks())
    learner = maml(msl_epochs=0)
    meta = learner.start(made, STEPS)
    gradient, metrics, _ = learner.meta_gradient(made, meta, at(no_statistics(made), STEPS), task)

    network = with_batch_statistics(small()).double()
    network.load_state_dict(made.model.weights)
    groups = [{"params": [p]} for p in network.parameters()]
    if rule == "sgd":
        optimizer = torch.optim.SGD(groups, lr=0.1)
    else:
        optimizer = torch.optim.Adam(groups, lr=0.1, betas=(0.5, 0.5), eps=0.0)
    learned = higher.optim.get_trainable_opt_params(optimizer)
    learned = {  # leaves of our own, so that they can be differentiated by in float64
        name: [tuple(map(double_leaf, value)) if isinstance(value, tuple) else double_leaf(value) for value in values]
        for name, values in learned.items()
    }
    with higher.innerloop_ctx(network, optimizer, copy_initial_weights=False, override=learned) as (model, inner):
        for _ in range(STEPS):
            inner.step(F.cross_entropy(model(task.support.x), task.support.y))
        loss = F.cross_entropy(model(task.query.x), task.query.y)
    assert torch.isclose(loss, metrics["loss"], rtol=0, atol=1e-12)

    names = list(made.model.weights)
    wanted = {f"{WEIGHTS}/{name}": p for name, p in network.named_parameters()}
    wanted |= {f"lr/{name}": rate for name, rate in zip(names, learned["lr"], strict=True)}
    if rule == "adam":
        wanted |= {f"beta1/{name}": betas[0] for name, betas in zip(names, learned["betas"], strict=True)}
    theirs = torch.autograd.grad(loss, list(wanted.values()))
    for key, expected in zip(wanted, theirs, strict=True):
        assert torch.allclose(gradient[key], expected, rtol=1e-10, atol=1e-10), key


def double_leaf(value):
    """higher makes float32 of 0.1; the comparison wants the double nearest to it."""
    return torch.tensor(round(float(value), 6), dtype=torch.float64, requires_grad=True)


def test_first_order_ignores_how_inner_gradients_change():
    """One step from w: the first-order gradient is the query gradient at w - lr g; to lr it stays exact."""
    made, task = parts(), one(tasks())
    meta, stage = maml().start(made, 1), at(no_statistics(made), 1)
    gradient = maml(second_order=False, msl_epochs=0).meta_gradient(made, meta, stage, task).meta
    weights = made.model.weights

    def loss(w, batch):
        return F.cross_entropy(made.model.apply(w, batch.x, None), batch.y)

    g = torch.func.grad(loss)(weights, task.support)
    adapted = {name: p - 0.1 * g[name] for name, p in weights.items()}
    at_adapted = torch.func.grad(loss)(adapted, task.query)
    for name in weights:
        assert torch.allclose(gradient[f"{WEIGHTS}/{name}"], at_adapted[name], rtol=0, atol=1e-14)
        assert torch.allclose(gradient[f"lr/{name}"], -(at_adapted[name] * g[name]).sum(), rtol=0, atol=1e-14)
    exact = maml(msl_epochs=0).meta_gradient(made, meta, stage, task).meta
    assert any(not torch.allclose(exact[key], gradient[key]) for key in gradient)


def test_inductive_queries_do_not_see_each_other_and_transductive_ones_do():
    made, task = parts(), one(tasks())
    meta, stage = maml().start(made, 2), at(no_statistics(made), 2)
    other = task._replace(query=task.query._replace(x=torch.cat([task.query.x[:1], 1 - task.query.x[1:]])))
    for batch_norm, alike in (("inductive", True), ("transductive", False)):
        first, second = (maml().predict(made, meta, stage, t, batch_norm)[0] for t in (task, other))
        assert torch.allclose(first, second, rtol=0, atol=1e-12) == alike


def test_inductive_meta_gradient_equals_finite_differences():
    made, task = parts(smooth), one(tasks())
    learner, stage = maml(batch_norm="inductive", msl_epochs=0), at(no_statistics(made), STEPS)
    meta = learner.start(made, STEPS)
    gradient = learner.meta_gradient(made, meta, stage, task).meta
    size, key = 1e-6, "weights/0.weight"
    direction = torch.ones_like(meta[key])
    ahead, behind = (
        meta_loss(learner, made, meta | {key: meta[key] + sign * size * direction}, stage, task) for sign in (1, -1)
    )
    assert torch.isclose(gradient[key].sum(), (ahead - behind) / (2 * size), rtol=1e-6, atol=1e-8)


def test_no_inner_step_is_the_plain_query_loss():
    made, task = parts(), one(tasks())
    learner = maml()
    meta = learner.start(made, 0)
    loss = meta_loss(learner, made, meta, at(no_statistics(made), 0), task)
    expected = F.cross_entropy(made.model.apply(made.model.weights, task.query.x, None), task.query.y)
    assert torch.isclose(loss, expected, rtol=0, atol=1e-14)


def test_multi_step_weights_are_the_forks():
    """few_shot_learning_system.py:131-165 of the fork, restated: 5 steps, 10 epochs, floor 0.03 / 5."""
    for epoch in range(10):
        others = max(1 / 5 - epoch * (1 / 5 / 10), 0.03 / 5)
        final = min(1 / 5 + epoch * 4 * (1 / 5 / 10), 1 - 4 * 0.03 / 5)
        assert multi_step(5, epoch, 10, 0.03) == pytest.approx((others,) * 4 + (final,), abs=1e-15)
    assert multi_step(5, 10, 10, 0.03) == (0, 0, 0, 0, 1)


def test_meta_learning_rate_is_torchs_cosine():
    optimizer = torch.optim.Adam([torch.zeros(1, requires_grad=True)], lr=0.001)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=150, eta_min=1e-5)
    for epoch in range(150):
        assert cosine(0.001, 1e-5)(Progress(epoch * 500 + 7, 75_000, 500)) == pytest.approx(
            schedule.get_last_lr()[0], rel=1e-9
        )
        optimizer.step()
        schedule.step()


def test_learned_rates_and_betas_are_brought_back_into_range():
    made, learner = parts(rule="adam"), maml()
    meta = {key: torch.full_like(value, -3.0) for key, value in learner.start(made, STEPS).items()}
    bound = learner.update(made).bound
    low, high = bound(meta), bound({key: -value for key, value in meta.items()})
    assert all(bool((value == -3).all()) for value in select(low, WEIGHTS).values())
    for name, highest in (("lr", 3.0), ("beta1", 0.99), ("beta2", 0.99)):
        assert all(float(value) == pytest.approx(1e-4) for value in select(low, name).values())
        assert all(float(value) == pytest.approx(highest) for value in select(high, name).values())
        assert select(low, name)


def test_only_the_network_is_clamped_and_only_on_mini_imagenet():
    """Of each step's gains and shifts too: the codes go over all parameters of the classifier."""
    learner = maml()
    gradient = {"weights/w": torch.tensor([-30.0, 5.0]), "norms/n": torch.tensor([[9.0], [11.0]])}
    gradient |= {"lr/w": torch.tensor(30.0)}
    rule = learner.update(parts())
    clamped = clipped(rule, gradient, "mini-imagenet")
    assert clamped["weights/w"].tolist() == [-10, 5]
    assert clamped["norms/n"].tolist() == [[9], [10]]
    assert clamped["lr/w"] == 30
    assert clipped(rule, gradient, "omniglot") == gradient
