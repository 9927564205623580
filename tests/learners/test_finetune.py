"""Pre-training and new heads against plain cross-entropy and torch.optim, in float64."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from fewshot_bench.backbones import BACKBONES
from fewshot_bench.backbones.norms import with_batch_statistics
from fewshot_bench.basics.errors import BenchError
from fewshot_bench.data.pool import Pool
from fewshot_bench.hypergradients.batching import over_tasks
from fewshot_bench.hypergradients.problem import Batch
from fewshot_bench.learners.base import WEIGHTS, Progress, select
from fewshot_bench.learners.finetune import CLASSIFIER, finetune
from fewshot_bench.learners.streams import minibatch
from fewshot_bench.training.assembly import assemble
from fewshot_bench.training.evaluation import evaluate, predictions
from fewshot_bench.training.gradients import gradients
from fewshot_bench.training.meta_step import begin, meta_step, stage
from fewshot_bench.training.plan import Plan
from tests.learners.networks import IMAGE, at, mid_training, no_statistics, one, parts, small, tasks
from tests.tiny import tiny_cell

MODES = ["transductive", "inductive"]
SGD = {"lr": 0.01, "momentum": 0.9, "dampening": 0.9, "weight_decay": 0.001}  # baselinefinetune.py of the released code


class Cosine(nn.Module):
    """Baseline++'s classifier: 2 x / (|x| + 1e-5) . w / (|w| + 1e-5)."""

    def __init__(self, weight):
        super().__init__()
        self.weight = nn.Parameter(weight.clone())

    def forward(self, x):
        w = self.weight
        return 2 * (x / (x.norm(dim=1)[:, None] + 1e-5)) @ (w / (w.norm(dim=1)[:, None] + 1e-5)).T


def trained(learner, made):
    """Meta-parameters some way from their start."""
    generator = torch.Generator().manual_seed(4)
    return {
        key: value + 0.1 * torch.randn(value.shape, dtype=value.dtype, generator=generator)
        for key, value in learner.start(made, 3).items()
    }


def as_module(made, meta, classifier="linear"):
    """The network with a trained body and the head that it was made with."""
    network = with_batch_statistics(small()).double()
    network.load_state_dict(dict(made.model.weights) | select(meta, WEIGHTS))
    if classifier == "cosine":
        network[-1] = Cosine(network[-1].weight.detach())
    return network


def logits_of(network, task, batch_norm):
    if batch_norm == "transductive":
        return network(task.query.x)
    return torch.stack([network(torch.cat([task.support.x, image[None]]))[-1] for image in task.query.x])


@pytest.mark.parametrize("batch_norm", MODES)
@pytest.mark.parametrize("classifier", ["linear", "cosine"])
@pytest.mark.parametrize("batch", [0, 4])
@pytest.mark.parametrize("adapt", ["head", "all"])
def test_adaptation_is_torchs(adapt, batch, classifier, batch_norm):
    """torch.optim on a module: the head alone on embeddings of the whole support set, or all of it on images."""
    made, task = parts(rule="sgd", **SGD), one(tasks(shots=2))
    learner = finetune(adapt=adapt, batch=batch, classifier=classifier)
    meta = trained(learner, made)
    logits = learner.predict(made, meta, at(mid_training(made), 30), task, batch_norm)

    network = as_module(made, meta, classifier)
    head = network[-1]
    if adapt == "head":
        with torch.no_grad():
            support, queries = network[:-1](task.support.x), logits_of(network[:-1], task, batch_norm)
    fitted, inputs = (head, support) if adapt == "head" else (network, task.support.x)
    optimizer = torch.optim.SGD(fitted.parameters(), **SGD)
    for t in range(30):
        x, y = minibatch(Batch(inputs, task.support.y), task.key, batch, t)
        optimizer.zero_grad()
        F.cross_entropy(fitted(x), y).backward()
        optimizer.step()
    expected = head(queries) if adapt == "head" else logits_of(network, task, batch_norm)
    assert torch.allclose(logits, expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("classifier", ["linear", "cosine"])
def test_pre_training_is_classification_of_all_training_classes(classifier):
    made, task = parts(), one(tasks(shots=2))
    learner = finetune(classifier=classifier)
    meta = trained(learner, made)
    gradient, metrics, memory = learner.meta_gradient(made, meta, at(no_statistics(made)), task)

    network = as_module(made, meta)
    network[-1] = nn.Linear(4, 10).double()
    if classifier == "cosine":
        network[-1] = Cosine(meta[f"{CLASSIFIER}/weight"])
    else:
        network[-1].load_state_dict(select(meta, CLASSIFIER))
    logits = network(torch.cat([task.support.x, task.query.x]))
    classes = torch.cat([task.classes.repeat_interleave(2)] * 2)
    loss = F.cross_entropy(logits, classes)
    loss.backward()
    assert torch.isclose(metrics["loss"], loss, rtol=0, atol=1e-12)
    assert metrics["accuracy"] == (logits.argmax(1) == classes).double().mean()
    assert memory == {}
    named = dict(network[:-1].named_parameters(prefix=WEIGHTS)) | dict(network[-1].named_parameters(prefix=CLASSIFIER))
    theirs = {name.replace(".", "/", 1): p.grad for name, p in named.items()}
    assert set(gradient) == set(meta) == set(theirs)
    for name, expected in theirs.items():
        assert torch.allclose(gradient[name], expected, rtol=0, atol=1e-12), name


def test_the_classifier_starts_as_torch_initialises_a_layer_but_from_no_seed():
    made = parts()
    start = select(finetune().start(made._replace(train_classes=5000), 3), CLASSIFIER)
    weight = start["weight"]
    assert weight.shape == (5000, 4)
    assert not start["bias"].any()
    torch.manual_seed(0)
    theirs = nn.Linear(4, 5000).weight
    for moment in (torch.max, torch.min, torch.std):
        assert torch.isclose(moment(weight), moment(theirs).double(), atol=0.01)
    assert abs(weight.mean()) < 0.01
    assert select(finetune().start(made._replace(train_classes=5000), 3), CLASSIFIER)["weight"].equal(weight)


@pytest.mark.parametrize("adapt", ["head", "all"])
@pytest.mark.parametrize("batch_norm", MODES)
def test_query_labels_are_not_looked_at(batch_norm, adapt):
    made, task = parts(), one(tasks())
    blind = task._replace(query=task.query._replace(y=torch.full_like(task.query.y, -1)))
    learner, now = finetune(adapt=adapt), at(no_statistics(made))
    meta = learner.start(made, 3)
    seen, unseen = (learner.predict(made, meta, now, each, batch_norm) for each in (task, blind))
    assert seen.equal(unseen)


@pytest.mark.parametrize("adapt", ["head", "all"])
def test_inductive_queries_do_not_see_each_other_and_transductive_ones_do(adapt):
    made, task = parts(), one(tasks())
    learner, now = finetune(adapt=adapt), at(no_statistics(made))
    meta = learner.start(made, 3)
    other = task._replace(query=task.query._replace(x=torch.cat([task.query.x[:1], 1 - task.query.x[1:]])))
    for batch_norm, alike in (("inductive", True), ("transductive", False)):
        first, second = (learner.predict(made, meta, now, each, batch_norm)[0] for each in (task, other))
        assert torch.allclose(first, second, rtol=0, atol=1e-12) == alike


@pytest.mark.parametrize("name", BACKBONES)
def test_layouts_agree_for_every_backbone(name):
    """vmap and the plain loop, in pre-training and in new heads."""
    made = parts(make=lambda: BACKBONES[name](IMAGE, 3), rule="adam")
    learner, now = finetune(), at(mid_training(made), 3)
    meta, batch = learner.start(made, 3), tasks(count=2)
    looped, mapped = (over_tasks(lambda t: learner.meta_gradient(made, meta, now, t), n)(batch) for n in (1, 2))
    for key, expected in looped.meta.items():
        scale = expected.abs().max().clamp(min=1.0)
        assert ((mapped.meta[key] - expected).abs().max() / scale) < 1e-12, key
    predicted = [over_tasks(lambda t: learner.predict(made, meta, now, t, "transductive"), n)(batch) for n in (1, 2)]
    assert torch.allclose(*predicted, rtol=1e-12, atol=1e-12)


def test_without_steps_the_head_is_the_networks_own():
    made, task = parts(), one(tasks())
    learner = finetune()
    logits = learner.predict(made, learner.start(made, 0), at(no_statistics(made), 0), task, "transductive")
    expected = made.model.apply(made.model.weights, task.query.x, None)
    assert torch.allclose(logits, expected, rtol=0, atol=1e-14)


def test_the_rate_stays():
    rate = finetune(meta_lr=0.02).update(parts()).rate
    assert {rate(Progress(iteration, 100, 10)) for iteration in range(100)} == {0.02}


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match="`meta_lr` is -1"):
        finetune(meta_lr=-1)
    with pytest.raises(ValueError, match="`batch` is -1"):
        finetune(batch=-1)
    made = parts(make=lambda: nn.Sequential(nn.Conv2d(1, 3, 28), nn.Flatten()))
    with pytest.raises(BenchError, match=r"last layer is an nn\.Linear"):
        finetune().start(made, 3)


def test_pre_training_makes_features_that_new_heads_can_use(pattern_pool: Pool, few_training_classes):
    """Seeds 0 to 9 have 0.21 to 0.35 untrained, and at least 0.87 trained."""
    cell = tiny_cell(
        {"iterations": 40, "ways": 40, "tasks_per_batch": 1, "rotations": "none"},
        {"queries": 3, "inner_steps": 20},
        ways=5,
        learner="finetune",
        backbone_options=(("filters", 8),),
        learner_options=(("meta_lr", 0.03),),
        inner_optimizer_options=(("lr", 0.1),),
    )
    assembly = assemble(cell, pattern_pool, Plan("cpu", 1, 8))
    state = begin(assembly.learner, assembly.parts, 5, "cpu")
    find, predict = gradients(assembly), predictions(assembly)

    def accuracy() -> float:
        scores = evaluate(predict, [state.meta], stage(state, 20, 500), assembly.streams.test, 20, "transductive")
        return float(scores.accuracy.mean())

    untrained = accuracy()
    for _ in range(40):
        meta_step(assembly, find, state)
    assert accuracy() > untrained + 0.3
