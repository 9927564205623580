"""Normalisation from elementary operations equals torch's fused layers."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from fewshot_bench.backbones import norms
from fewshot_bench.basics.errors import BenchError

GENERATOR = torch.Generator().manual_seed(0)


def draw(*shape: int) -> torch.Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=GENERATOR)


@pytest.mark.parametrize("affine", [(True, True), (True, False), (False, False)], ids=["both", "gain", "none"])
@pytest.mark.parametrize("shape", [(6, 3, 5, 4), (6, 3, 7), (6, 3)], ids=str)
def test_batch_norm(shape, affine):
    x, (weight, bias) = draw(*shape), (draw(3) if has else None for has in affine)
    expected = F.batch_norm(x, None, None, weight, bias, training=True, eps=1e-3)
    assert torch.allclose(norms.batch_norm(x, None, None, weight, bias, True, 0.1, 1e-3), expected, rtol=0, atol=1e-12)
    constants = draw(3), draw(3).exp()
    expected = F.batch_norm(x, *constants, weight, bias, training=False)
    assert torch.allclose(norms.batch_norm(x, *constants, weight, bias, False), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("shape", [(6, 3, 5, 4), (6, 3, 7)], ids=str)
def test_instance_norm(shape, affine):
    x, (weight, bias) = draw(*shape), (draw(3) if affine else None for _ in range(2))
    expected = F.instance_norm(x, None, None, weight, bias, eps=1e-3)
    assert torch.allclose(norms.instance_norm(x, None, None, weight, bias, eps=1e-3), expected, rtol=0, atol=1e-12)
    constants = draw(3), draw(3).exp()
    expected = F.instance_norm(x, *constants, weight, bias, use_input_stats=False)
    ours = norms.instance_norm(x, *constants, weight, bias, use_input_stats=False)
    assert torch.allclose(ours, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("affine", [(True, True), (True, False), (False, False)], ids=["both", "gain", "none"])
@pytest.mark.parametrize("axes", [1, 2])
def test_layer_norm(axes, affine):
    x = draw(6, 5, 3, 4)
    shape = list(x.shape[-axes:])
    weight, bias = (draw(*shape) if has else None for has in affine)
    expected = F.layer_norm(x, shape, weight, bias, 1e-3)
    assert torch.allclose(norms.layer_norm(x, shape, weight, bias, 1e-3), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("norm", [norms.batch_norm, norms.instance_norm])
def test_running_statistics_that_would_change_are_refused(norm):
    with pytest.raises(BenchError, match="running statistics of its own"):
        norm(draw(6, 3, 4), torch.zeros(3), torch.ones(3), None, None, True)


@pytest.mark.parametrize(
    "make",
    [
        lambda: nn.BatchNorm2d(3),
        lambda: nn.BatchNorm2d(3, momentum=None, affine=False),
        lambda: nn.SyncBatchNorm(3),
        lambda: nn.InstanceNorm2d(3, affine=True, track_running_stats=True),
    ],
)
def test_without_running_statistics_a_layer_is_in_training_for_ever(make):
    layer, x = make().double(), draw(6, 3, 5, 5)
    names = [name for name, _ in layer.named_parameters()]
    expected = (F.instance_norm if isinstance(layer, nn.InstanceNorm2d) else norms.batch_norm)(x)
    layer = norms.with_batch_statistics(nn.Sequential(layer))
    for mode in (layer.train(), layer.eval()):
        assert torch.allclose(mode(x), expected, rtol=0, atol=1e-12)
    assert not list(layer.buffers())
    assert [name for name, _ in layer.named_parameters()] == [f"0.{name}" for name in names]
