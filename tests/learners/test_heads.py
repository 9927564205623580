"""The head is the layer that logits come from, or there is none."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from fewshot_bench.basics.errors import BenchError
from fewshot_bench.learners.model import as_function
from fewshot_bench.learners.smoke_test import smoke_tested
from tests.learners.third_party import GREY, Body, Shared

WAYS = 3
IMAGES = torch.rand(4, *GREY, generator=torch.Generator().manual_seed(0))


def trial(module, ways=WAYS):
    return smoke_tested(as_function(module, ways), module, GREY, ways)


def test_the_head_of_what_embed_gives_is_what_apply_gives():
    model = trial(Body(WAYS))
    assert model.head == ("fc.weight", "fc.bias")
    features = model.embed({name: w for name, w in model.weights.items() if name not in model.head}, IMAGES, None)
    logits = F.linear(features, model.weights["fc.weight"], model.weights["fc.bias"])
    assert torch.allclose(logits, model.apply(model.weights, IMAGES, None), rtol=0, atol=1e-6)


def test_a_linear_layer_by_itself_is_its_head():
    model = as_function(nn.Linear(5, WAYS), WAYS)
    assert model.head == ("weight", "bias")
    assert torch.equal(model.embed({}, torch.eye(5), None), torch.eye(5))


def test_a_head_under_two_names_is_left_out_under_both():
    module = Body(WAYS)
    module.classifier, module.last = module.fc, module.fc
    assert trial(module).head == ("fc.weight", "fc.bias")


def hidden_layer_kept_last(ways):
    module = Body(ways, nn.Flatten(), nn.Linear(36, 36))
    module.middle = module._modules.pop("middle")
    return module


def head_tied_to_the_body(ways):
    module = Shared(ways)
    module.fc.weight = module.first.weight
    return module


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (hidden_layer_kept_last, "logits do not come from middle.1.weight alone"),  # as wide as there are classes
        (lambda ways: nn.Sequential(Body(ways), nn.LogSoftmax(1)), "logits do not come from 0.fc.weight alone"),
        (lambda ways: nn.Sequential(nn.Conv2d(1, ways, 12), nn.Flatten()), "Sequential has no linear layer with 36 "),
        (head_tied_to_the_body, "Shared has no linear layer with 36 outputs and weights of its own"),
    ],
)
def test_where_no_linear_layer_is_the_last_there_is_no_head(make, told):
    model = trial(make(36), 36)
    assert model.head == ()
    with pytest.raises(BenchError, match=told):
        model.embed(model.weights, IMAGES, None)
