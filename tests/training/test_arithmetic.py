"""What a learner takes with three layers that stand in for a network is what it takes with the network."""

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from fewshot_bench.backbones import BACKBONES
from fewshot_bench.backbones.functional import FUSED
from fewshot_bench.basics.images import ImageShape
from fewshot_bench.inner_optimizers import INNER_OPTIMIZERS
from fewshot_bench.learners import LEARNERS
from fewshot_bench.learners.base import Parts
from fewshot_bench.learners.model import build
from fewshot_bench.training.arithmetic import (
    META_DEVICE,
    LearnerCall,
    Shape,
    costs_by_epoch,
    count_operations,
    flop,
    learner_call,
    network_cost,
    peak_memory,
    task_cost,
)

IMAGE = ImageShape(1, 8, 8)
SHAPE = Shape(ways=3, shots=2, queries=1, classes=7)


def small(image, ways):
    """A layer that sees the images, one beside it, one after both, and a head."""

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.beside = nn.Conv2d(1, 4, 3, padding=1, stride=2), nn.Conv2d(1, 4, 1, stride=2)
            self.norm, self.second = nn.BatchNorm2d(4), nn.Conv2d(4, 5, 3)
            self.head = nn.Linear(20, ways)

        def forward(self, x):
            return self.head(self.second((self.norm(self.first(x)) + self.beside(x)).relu()).flatten(1))

    return Network()


def work(learner, rule, make, image, asked, shape=SHAPE):
    """With the network itself."""
    model = build(lambda: make(image, shape.ways), shape.ways, seed=0, operations=FUSED)
    parts = Parts(model, INNER_OPTIMIZERS[rule](), shape.classes)
    return learner_call(learner, parts, image, shape, asked)


def network(make, image, ways):
    return network_cost(build(lambda: make(image, ways), ways, 0, META_DEVICE, FUSED), image, ways)


@pytest.mark.parametrize("name", LEARNERS)
@pytest.mark.parametrize("predict", [None, "transductive", "inductive"])
def test_a_task_of_every_learner(name, predict):
    learner, asked = LEARNERS[name](), LearnerCall(steps=2, epoch=0, predict=predict)
    with FlopCounterMode(display=False) as counter:
        work(learner, "adam", small, IMAGE, asked)()
    assert flop(network(small, IMAGE, 3), task_cost(learner, SHAPE, asked)) == counter.get_total_flops()


@pytest.mark.parametrize("name", ["vgg", "resnet-4", "densenet-8"])
def test_a_task_with_every_kind_of_network(name):
    learner, image, asked = LEARNERS["maml++"](), ImageShape(3, 28, 28), LearnerCall(1, 0)
    exact = count_operations(work(learner, "sgd", BACKBONES[name], image, asked)).flop
    assert flop(network(BACKBONES[name], image, 3), task_cost(learner, SHAPE, asked)) == exact


def test_a_network_by_hand():
    found = network(small, IMAGE, 3)
    assert found.first == 2 * 16 * 4 * (9 + 1)
    assert found.others == 2 * 4 * 5 * 4 * 9
    assert found.features == 20
    assert (found.weights, found.tensors) == (36 + 4 + 4 + 4 + 8 + 180 + 5 + 60 + 3, 10)


def test_a_network_that_is_its_head():
    found = network(lambda image, ways: nn.Sequential(nn.Flatten(), nn.Linear(64, ways)), IMAGE, 3)
    assert (found.first, found.others, found.features) == (2 * 64 * 3, 0, 0)


def test_bytes_alive_by_hand():
    given = torch.ones(1000)

    def three_of_which_two_are_alive():
        a = torch.zeros(10)
        b = a * 2
        del a
        b.add_(1)
        return b.view(2, 5) + given.view(10, 100)[:2, :5]

    assert count_operations(three_of_which_two_are_alive).peak == 2 * 10 * 4


@pytest.mark.parametrize(("name", "keeps"), [("maml++", True), ("imaml", False), ("reptile", False), ("fomaml", False)])
def test_who_keeps_inner_steps(name, keeps):
    rule = INNER_OPTIMIZERS["sgd"]()
    one, five = (peak_memory(LEARNERS[name](), rule, SHAPE, LearnerCall(steps, 20)).images for steps in (1, 5))
    assert five > 2.5 * one if keeps else five == pytest.approx(one, rel=0.01)


def test_moments_are_kept_too():
    sgd, adam = (
        peak_memory(LEARNERS["maml++"](), INNER_OPTIMIZERS[rule](), SHAPE, LearnerCall(5, 20))
        for rule in ("sgd", "adam")
    )
    assert adam.copies > 3 * sgd.copies
    assert adam.images == pytest.approx(sgd.images, rel=0.02)


@pytest.mark.parametrize(
    ("name", "options", "runs"),
    [
        ("maml++", {"msl_epochs": 3}, [range(3), range(3, 9)]),
        ("maml++", {"msl_epochs": 4, "second_order_from": 2}, [range(2), range(2, 4), range(4, 9)]),
        ("maml++", {"msl_epochs": 0}, [range(9)]),
        ("reptile", {}, [range(9)]),
    ],
)
def test_runs_of_epochs(name, options, runs):
    learner = LEARNERS[name](**options)
    found = costs_by_epoch(learner, SHAPE, 2, 9)
    assert [run for run, _ in found] == runs
    for run, task in found:
        assert {task_cost(learner, SHAPE, LearnerCall(2, epoch)) for epoch in run} == {task}
