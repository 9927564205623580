"""Which of torch's functions a pass through a module calls."""

import pytest
import torch
from torch import nn

from fewshot_bench.backbones.functional import ELEMENTARY, FUSED, adopted, as_function, fused_operations
from fewshot_bench.backbones.fused.geometry import Geometry

LAYERS = {
    "Convolve": nn.Conv2d(3, 2, 3),
    "BatchNormalisation": nn.BatchNorm2d(3),
    "PoolMaxima": nn.MaxPool2d(2),
    "Mean": nn.AdaptiveAvgPool2d(1),
}


class Values(nn.Module):
    """Max-pooling that gives places too, and throws them away."""

    def forward(self, x):
        return nn.functional.max_pool2d(x, 2, return_indices=True)[0]


def made_by(layer: nn.Module, *operations) -> str:
    """The class of the node that the layer's result comes from."""
    module = adopted(layer)
    x = torch.rand(2, 3, 4, 4, requires_grad=True)
    return type(as_function(module, *operations)(dict(module.named_parameters()), x, None).grad_fn).__name__


@pytest.mark.parametrize("name", LAYERS)
def test_layers_call_the_functions_of_the_table(name):
    assert made_by(LAYERS[name], FUSED).startswith(name)
    if name != "Mean":
        assert not made_by(LAYERS[name], ELEMENTARY).startswith(name)
    assert made_by(LAYERS[name]) == made_by(LAYERS[name], ELEMENTARY)


def test_places_of_maxima_are_torchs():
    assert made_by(Values(), FUSED) == made_by(Values(), ELEMENTARY)


@pytest.mark.parametrize("way", ["loop", "grouped", "matmul"])
def test_the_way_of_convolutions_with_weights_for_each_task_gets_through(way, monkeypatch):
    asked = []
    known = Geometry.method_for
    monkeypatch.setattr(Geometry, "method_for", lambda self, x: (asked.append(self.convolutions), known(self, x))[1])
    module = adopted(nn.Conv2d(3, 2, 3))
    call = as_function(module, fused_operations(way))
    weights = {name: torch.stack([p.detach()] * 2) for name, p in module.named_parameters()}
    torch.func.vmap(call, (0, None, None))(weights, torch.rand(2, 3, 4, 4), None)
    assert set(asked) == {way}
