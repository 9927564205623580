"""Reptile against torch.optim walking over the same minibatches; all in float64."""

import pytest
import torch
import torch.nn.functional as F
from torch.func import functional_call, vmap

from fewshot_bench.backbones.norms import with_batch_statistics
from fewshot_bench.hypergradients.problem import Batch
from fewshot_bench.learners.base import WEIGHTS, Progress, select
from fewshot_bench.learners.imaml import imaml
from fewshot_bench.learners.reptile import reptile
from fewshot_bench.learners.streams import minibatch
from tests.learners.networks import at, no_statistics, one, parts, small, smooth, tasks

STEPS = 5
ADAM = {"lr": 0.001, "beta1": 0.0, "beta2": 0.999, "from_outer": False}


def by_torch(made, task, batch, optimizer_of, network=None, optimizer=None):
    """End of torch's own walk from the initial weights, by parameter name, and what it walked with."""
    network = network or with_batch_statistics(small()).double()
    network.load_state_dict(made.model.weights)
    optimizer = optimizer or optimizer_of(network.parameters())
    for t in range(STEPS):
        x, y = minibatch(task.support, task.key, batch, t)
        optimizer.zero_grad()
        F.cross_entropy(network(x), y).backward()
        optimizer.step()
    return {name: p.detach().clone() for name, p in network.named_parameters()}, network, optimizer


@pytest.mark.parametrize(
    ("rule", "options", "optimizer"),
    [
        pytest.param("adam", ADAM, lambda p: torch.optim.Adam(p, lr=0.001, betas=(0.0, 0.999)), id="adam"),
        pytest.param("sgd", {"lr": 0.05}, lambda p: torch.optim.SGD(p, lr=0.05), id="sgd"),
    ],
)
@pytest.mark.parametrize("batch", [0, 4])
def test_direction_is_start_less_end(rule, options, optimizer, batch):
    made, task = parts(small, rule, **options), one(tasks(shots=3))
    learner = reptile(inner_batch=batch)
    meta = learner.start(made, STEPS)
    found = learner.meta_gradient(made, meta, at(no_statistics(made), STEPS), task)
    end, network, _ = by_torch(made, task, batch, optimizer)
    for name, start in made.model.weights.items():
        assert torch.allclose(found.meta[f"{WEIGHTS}/{name}"], start - end[name], rtol=0, atol=1e-12), name
    assert torch.isclose(found.metrics["loss"], F.cross_entropy(network(task.query.x), task.query.y), atol=1e-12)


def test_carried_moments_go_on_from_task_to_task():
    """One torch optimizer over two tasks, the weights put back in between, as openai/supervised-reptile does it."""
    made, batch = parts(small, "adam", **ADAM), tasks(count=2, shots=3)
    learner = reptile(inner_batch=4, carry_state=True)
    meta, stage = learner.start(made, STEPS), at(no_statistics(made), STEPS, memory=learner.memory(made))
    network = optimizer = None
    for index in range(2):
        task = one(batch, index)
        found = learner.meta_gradient(made, meta, stage, task)
        stage = stage._replace(memory=found.memory)
        end, network, optimizer = by_torch(
            made, task, 4, lambda p: torch.optim.Adam(p, lr=0.001, betas=(0.0, 0.999)), network, optimizer
        )
        for name, start in made.model.weights.items():
            assert torch.allclose(found.meta[f"{WEIGHTS}/{name}"], start - end[name], rtol=0, atol=1e-12), name
    fresh = reptile(inner_batch=4).meta_gradient(made, meta, at(no_statistics(made), STEPS), one(batch, 1))
    assert any(not torch.allclose(fresh.meta[key], found.meta[key], atol=1e-6) for key in meta)
    assert fresh.memory == {}
    prediction = learner.predict(made, meta, stage, one(batch), "transductive")
    cold = learner.predict(made, meta, stage._replace(memory=learner.memory(made)), one(batch), "transductive")
    assert not torch.allclose(prediction, cold, atol=1e-6)  # tests, too, start from the carried moments


def test_the_schedule_is_linear_and_the_step_interpolates():
    rule = reptile(meta_step=1.0, meta_step_final=0.0).update(parts())
    assert [rule.rate(Progress(i, 100, 10)) for i in (0, 25, 99)] == pytest.approx([1.0, 0.75, 0.01])
    start, end = torch.tensor([3.0]), torch.tensor([5.0])
    w = start.clone()
    w.grad = start - end
    rule.optimizer([w]).step()
    assert torch.equal(w, end)


def test_minibatches_pass_over_all_images_in_an_order_of_the_tasks_own():
    x = torch.arange(6.0).view(6, 1)
    support, keys = Batch(x, torch.arange(6)), torch.tensor([1, 2])
    for key in keys:
        drawn = torch.cat([minibatch(support, key, 4, t).y for t in range(6)])
        passes = drawn.view(4, 6)
        assert all(row.sort().values.tolist() == list(range(6)) for row in passes)
        assert len({tuple(row.tolist()) for row in passes}) == 4
    mapped = vmap(lambda key: minibatch(support, key, 4, 1).x)(keys)
    assert torch.equal(mapped, torch.stack([minibatch(support, key, 4, 1).x for key in keys]))
    assert not torch.equal(mapped[0], mapped[1])
    assert minibatch(support, keys[0], 0, 7) is support


def test_one_training_is_judged_both_ways():
    made, task = parts(), one(tasks())
    learner, stage = reptile(), at(no_statistics(made), 2)
    meta = learner.start(made, 2)
    transductive, inductive = (learner.predict(made, meta, stage, task, m) for m in ("transductive", "inductive"))
    assert transductive.shape == inductive.shape == (3, 3)
    assert not torch.allclose(transductive, inductive)


def test_with_a_hold_on_the_start_inside_it_is_the_moreau_envelopes_gradient():
    """lam times Reptile's direction, by torch's own walk, is what imaml-variational follows."""
    made, task, steps = parts(smooth, lr=0.02), one(tasks()), 60
    learner = imaml(lam=30.0, objective="variational")
    meta, stage = learner.start(made, steps), at(no_statistics(made), steps)
    envelope = learner.meta_gradient(made, meta, stage, task).meta
    start = {name: p.clone().requires_grad_() for name, p in made.model.weights.items()}
    w = {name: p.detach().clone().requires_grad_() for name, p in start.items()}
    network, optimizer = with_batch_statistics(smooth()).double(), torch.optim.SGD(w.values(), lr=0.02)
    for _ in range(steps):
        optimizer.zero_grad()
        hold = sum(((w[name] - start[name].detach()) ** 2).sum() for name in w)
        (F.cross_entropy(functional_call(network, w, (task.support.x,)), task.support.y) + 15 * hold).backward()
        optimizer.step()
    for name, direction in select(envelope, WEIGHTS).items():
        assert torch.allclose(direction, 30 * (start[name] - w[name]).detach(), rtol=0, atol=1e-11), name
