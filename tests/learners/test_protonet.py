"""Prototypical networks against class means written out, finite differences and torch's schedule, in float64."""

import pytest
import torch
import torch.nn.functional as F

from fewshot_bench.backbones import BACKBONES
from fewshot_bench.data.pool import Pool
from fewshot_bench.hypergradients.batching import over_tasks
from fewshot_bench.learners.base import WEIGHTS, Progress, grouped, halving, select
from fewshot_bench.learners.protonet import protonet
from fewshot_bench.training.assembly import assemble
from fewshot_bench.training.evaluation import evaluate, predictions
from fewshot_bench.training.gradients import gradients
from fewshot_bench.training.meta_step import begin, meta_step, stage
from fewshot_bench.training.plan import Plan
from tests.learners.networks import IMAGE, at, no_statistics, one, parts, smooth, tasks
from tests.tiny import tiny_cell

MODES = ["transductive", "inductive"]


def shuffled(task):
    """The same task with its support images in another order."""
    order = torch.randperm(len(task.support.y), generator=torch.Generator().manual_seed(2))
    return task._replace(support=type(task.support)(task.support.x[order], task.support.y[order]))


def by_hand(embed, task, batch_norm, distance):
    """Each query's logits from sums over the images of each class, one at a time."""
    rows = []
    for index, image in enumerate(task.query.x):
        together = task.query.x if batch_norm == "transductive" else image[None]
        z = embed(torch.cat([task.support.x, together]))
        query = z[len(task.support.y) + (index if batch_norm == "transductive" else 0)]
        row = []
        for label in range(len(task.classes)):
            mean = torch.stack([v for v, y in zip(z, task.support.y, strict=False) if y == label]).mean(0)
            if distance == "euclidean":
                row.append(-sum((a - b) ** 2 for a, b in zip(query, mean, strict=True)))
            else:
                row.append(F.cosine_similarity(query, mean, dim=0) - 1)
        rows.append(torch.stack(row))
    return torch.stack(rows)


@pytest.mark.parametrize("distance", ["euclidean", "cosine"])
@pytest.mark.parametrize("batch_norm", MODES)
def test_logits_are_minus_the_distances_to_class_means(batch_norm, distance):
    made, task = parts(), shuffled(one(tasks(shots=3)))
    learner = protonet(distance=distance)
    meta, stage = learner.start(made, 5), at(no_statistics(made))
    logits = learner.predict(made, meta, stage, task, batch_norm)
    expected = by_hand(lambda x: made.model.embed(made.model.weights, x, None), task, batch_norm, distance)
    assert logits.shape == (9, 3)
    assert torch.allclose(logits, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("distance", ["euclidean", "cosine"])
@pytest.mark.parametrize("batch_norm", MODES)
def test_gradient_equals_finite_differences(batch_norm, distance):
    made, task = parts(smooth), shuffled(one(tasks(shots=2)))
    learner, now = protonet(distance=distance, batch_norm=batch_norm), at(no_statistics(made))
    meta = learner.start(made, 5)
    found = learner.meta_gradient(made, meta, now, task)

    def loss(meta):
        w = select(meta, WEIGHTS)
        logits = by_hand(lambda x: made.model.embed(w, x, None), task, batch_norm, distance)
        return F.cross_entropy(logits, task.query.y)

    assert torch.isclose(found.metrics["loss"], loss(meta), rtol=0, atol=1e-12)
    assert set(found.meta) == set(meta)
    generator, size = torch.Generator().manual_seed(5), 1e-5
    for key, value in meta.items():
        direction = torch.randn(value.shape, dtype=value.dtype, generator=generator)
        ahead, behind = (loss(meta | {key: value + sign * size * direction}) for sign in (1, -1))
        along = (found.meta[key] * direction).sum()
        assert torch.isclose(along, (ahead - behind) / (2 * size), rtol=1e-6, atol=1e-8), key


def test_the_head_takes_no_part():
    made, task = parts(), one(tasks())
    meta = protonet().start(made, 5)
    assert set(meta) == set(grouped(WEIGHTS, made.model.weights)) - set(
        grouped(WEIGHTS, dict.fromkeys(made.model.head))
    )
    other = made.model.weights | {name: made.model.weights[name] + 1 for name in made.model.head}
    changed = made._replace(model=made.model._replace(weights=other))
    logits = [protonet().predict(p, meta, at(no_statistics(made)), task, "transductive") for p in (made, changed)]
    assert made.model.head
    assert logits[0].equal(logits[1])


@pytest.mark.parametrize("batch_norm", MODES)
def test_query_labels_are_not_looked_at(batch_norm):
    made, task = parts(), one(tasks())
    blind = task._replace(query=task.query._replace(y=torch.full_like(task.query.y, -1)))
    learner, now = protonet(), at(no_statistics(made))
    meta = learner.start(made, 5)
    seen, unseen = (learner.predict(made, meta, now, each, batch_norm) for each in (task, blind))
    assert seen.equal(unseen)


def test_inductive_queries_do_not_see_each_other_and_transductive_ones_do():
    made, task = parts(), one(tasks())
    learner, now = protonet(), at(no_statistics(made))
    meta = learner.start(made, 5)
    other = task._replace(query=task.query._replace(x=torch.cat([task.query.x[:1], 1 - task.query.x[1:]])))
    for batch_norm, alike in (("inductive", True), ("transductive", False)):
        first, second = (learner.predict(made, meta, now, each, batch_norm)[0] for each in (task, other))
        assert torch.allclose(first, second, rtol=0, atol=1e-12) == alike


@pytest.mark.parametrize("name", BACKBONES)
def test_layouts_agree_for_every_backbone_and_any_number_of_ways(name):
    """vmap(grad(task)) and the plain loop, on tasks of 4 classes for networks of 3."""
    made, batch = parts(make=lambda: BACKBONES[name](IMAGE, 3)), tasks(count=2, ways=4)
    learner, now = protonet(), at(no_statistics(made))
    meta = learner.start(made, 5)
    looped, mapped = (
        over_tasks(lambda task: learner.meta_gradient(made, meta, now, task), at_once)(batch) for at_once in (1, 2)
    )
    for key, expected in looped.meta.items():
        scale = expected.abs().max().clamp(min=1.0)
        assert ((mapped.meta[key] - expected).abs().max() / scale) < 1e-12, key
    predicted = [over_tasks(lambda t: learner.predict(made, meta, now, t, "inductive"), n)(batch) for n in (1, 2)]
    assert predicted[0].shape == (2, 4, 4)
    assert torch.allclose(*predicted, rtol=1e-12, atol=1e-12)


def test_the_rate_is_halved_as_torch_does():
    optimizer = torch.optim.Adam([torch.zeros(1, requires_grad=True)], lr=0.001)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 20, gamma=0.5)  # epochs of 100 tasks, as in the code
    rate = protonet().update(parts()).rate
    for epoch in range(65):
        for iteration in (100 * epoch, 100 * epoch + 99):
            assert rate(Progress(iteration, 10_000, 500)) == pytest.approx(schedule.get_last_lr()[0], rel=1e-12)
        optimizer.step()
        schedule.step()
    assert halving(0.3, 0)(Progress(9_999, 10_000, 500)) == 0.3


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match="`meta_lr` is -1"):
        protonet(meta_lr=-1)
    with pytest.raises(ValueError, match="`halve_every` is -1"):
        protonet(halve_every=-1)


def test_it_learns_from_tasks_of_more_classes_than_it_is_tested_on(pattern_pool: Pool):
    """Seeds 0 to 9 gain at least 0.41."""
    cell = tiny_cell(
        {"iterations": 80, "ways": 10, "shots": 2, "queries": 2, "tasks_per_batch": 1, "inner_steps": 5},
        ways=5,
        learner="protonet",
        inner_optimizer="none",
        backbone_options=(("filters", 8),),
    )
    assembly = assemble(cell, pattern_pool, Plan("cpu", 1, 4))
    state = begin(assembly.learner, assembly.parts, 5, "cpu")
    find, predict = gradients(assembly), predictions(assembly)

    def accuracy() -> float:
        scores = evaluate(predict, [state.meta], stage(state, 5, 500), assembly.streams.test, 40, "inductive")
        return float(scores.accuracy.mean())

    untrained = accuracy()
    for _ in range(80):
        meta_step(assembly, find, state)
    assert accuracy() > untrained + 0.2
