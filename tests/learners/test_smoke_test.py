"""Two images tell which networks cannot be trained, and why, in a sentence each."""

import random

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import nn

from fewshot_bench.backbones import BACKBONES
from fewshot_bench.basics.errors import BenchError
from fewshot_bench.basics.images import ImageShape
from fewshot_bench.learners.model import as_function, build_module
from fewshot_bench.learners.smoke_test import smoke_tested
from tests.learners.third_party import GREY, Body, Calls, Counter

WAYS = 3


def trial(make, image=GREY):
    module = build_module(make, seed=0)
    return smoke_tested(as_function(module, WAYS), module, image, WAYS)


def encoder(dropout):
    layer = nn.TransformerEncoderLayer(4, 2, 8, dropout, batch_first=True)
    return Body(WAYS, nn.Flatten(2), Calls(lambda x: x.transpose(1, 2)), nn.TransformerEncoder(layer, 2))


def of(function):
    """A network that does something in its middle."""
    return lambda: Body(WAYS, Calls(function))


class Pair(nn.Module):
    """Logits, and something beside them."""

    def __init__(self):
        super().__init__()
        self.body = Body(WAYS)

    def forward(self, x):
        return self.body(x), x


class Remembers(nn.Module):
    """Its state is no tensor."""

    calls = 0

    def forward(self, x):
        self.calls += 1
        return x * self.calls


class ClampsItsWeight(nn.Linear):
    """As networks do whose weights have to stay in a range."""

    def forward(self, x):
        self.weight.data.clamp_(-0.01, 0.01)
        return super().forward(x)


class Expanded(nn.Module):
    """A buffer whose elements share memory, as those of positions often do."""

    def __init__(self):
        super().__init__()
        self.register_buffer("positions", torch.arange(3).expand(9, 3))

    def forward(self, x):
        return x * (1 + self.positions.sum())


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (of(lambda x: x + torch.rand_like(x)), "^draws random numbers in evaluation that cannot be drawn again"),
        (lambda: encoder(0.1), "^draws random numbers that cannot be drawn again.*attention's dropout"),
        (of(lambda x: F.gumbel_softmax(x)), "^draws random numbers in evaluation that cannot"),
        (of(lambda x: x * torch.empty_like(x).bernoulli_(0.9)), "draws random numbers in evaluation too"),
        (of(lambda x: F.batch_norm(x, torch.zeros(4), torch.ones(4), training=True)), "running statistics of its own"),
        (lambda: Body(WAYS, Counter(in_place=True)), "changes its buffer"),
        (lambda: Body(WAYS, Remembers()), "^gives other logits for the same two images"),
        (of(lambda x: x * random.random()), "^gives other logits for the same two images"),
        (lambda: Body(WAYS, nn.Flatten(), ClampsItsWeight(36, 36)), "changes its weights in its forward pass"),
        (lambda: nn.Sequential(nn.ReLU(inplace=True), Calls(lambda x: x.sub_(0.5)), Body(WAYS)), "changes its images"),
        (of(lambda x: x / 0), "^gives logits that are not finite"),
        (lambda: Body(WAYS + 1), r"^gives \[2, 4\] for two images; logits have to be \[2, 3\]"),
        (Pair, "^Pair gives a tuple; a backbone has to give one tensor"),
        (
            lambda: torchvision.models.GoogLeNet(WAYS, init_weights=False),
            "^GoogLeNet gives a GoogLeNetOutputs in training",
        ),
    ],
)
def test_refusals(make, told):
    image = ImageShape(3, 64, 64) if "GoogLeNet" in told else GREY
    with pytest.raises(BenchError, match=told):
        trial(make, image)


@pytest.mark.parametrize(
    "make",
    [
        lambda: encoder(0.0),
        of(lambda x: F.dropout(x, 0.9)),  # which is on in evaluation too, where it stands by itself
        of(lambda x: F.batch_norm(x, torch.zeros(4), torch.ones(4), training=False)),
        lambda: Body(WAYS, torchvision.ops.FrozenBatchNorm2d(4)),
        lambda: Body(WAYS, nn.RReLU()),
        lambda: Body(WAYS, nn.utils.parametrizations.weight_norm(nn.Conv2d(4, 4, 1))),
        lambda: Body(WAYS, Expanded()),
        lambda: Body(WAYS).to(memory_format=torch.channels_last),
    ],
)
def test_what_is_a_function_passes(make):
    assert trial(make).head == ("fc.weight", "fc.bias")


@pytest.mark.parametrize("name", BACKBONES)
def test_built_in_backbones_pass_and_keep_their_heads(name):
    image = ImageShape(1, 28, 28)
    module = build_module(lambda: BACKBONES[name](image, WAYS), seed=0)
    model = as_function(module, WAYS)
    before = {key: tensor.clone() for key, tensor in module.state_dict().items()}
    state = torch.get_rng_state()
    assert smoke_tested(model, module, image, WAYS) == model
    assert module.training
    assert list(module.state_dict()) == list(before)
    assert all(torch.equal(tensor, before[key]) for key, tensor in module.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)
