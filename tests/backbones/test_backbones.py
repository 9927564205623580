"""The five networks are those of the paper's fork."""

import pytest
import torch
from torch import nn

from fewshot_bench.backbones import BACKBONES
from fewshot_bench.backbones.norms import with_batch_statistics
from fewshot_bench.basics.images import ImageShape

OMNIGLOT, MINI = ImageShape(1, 28, 28), ImageShape(3, 84, 84)

# Computed from the fork's models.py: parameters on Omniglot 5-way, Omniglot 20-way, mini-ImageNet 5-way, and tensors.
COUNTS = {
    "vgg": (112_261, 113_236, 121_093, 18),
    "resnet-4": (1_217_925, 1_221_780, 1_218_565, 38),
    "resnet-8": (2_786_565, 2_790_420, 2_787_205, 62),
    "resnet-12": (4_355_205, 4_359_060, 4_355_845, 86),
    "densenet-8": (12_477, 12_942, 12_638, 61),
    "mlp": (33_245, 33_860, 848_605, 6),
}


def parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_every_backbone_is_pinned():
    assert set(BACKBONES) == set(COUNTS)


@pytest.mark.parametrize("name", BACKBONES)
def test_parameter_counts_and_tensors(name):
    make, (omniglot_5, omniglot_20, mini_5, tensors) = BACKBONES[name], COUNTS[name]
    assert parameters(make(OMNIGLOT, 5)) == omniglot_5
    assert parameters(make(OMNIGLOT, 20)) == omniglot_20
    assert parameters(make(MINI, 5)) == mini_5
    assert len(list(make(OMNIGLOT, 5).parameters())) == tensors


@pytest.mark.parametrize("name", BACKBONES)
@pytest.mark.parametrize("image", [OMNIGLOT, MINI], ids=["omniglot", "mini-imagenet"])
def test_logits(name, image):
    logits = BACKBONES[name](image, 7)(torch.rand(4, *image))
    assert logits.shape == (4, 7)
    assert torch.isfinite(logits).all()


@pytest.mark.parametrize("shape", [(6, 3, 5, 5), (6, 3)])
def test_batch_statistics_equal_torchs_batch_norm_in_training_mode(shape):
    theirs = (nn.BatchNorm2d if len(shape) == 4 else nn.BatchNorm1d)(3).double().train()
    nn.init.normal_(theirs.weight)
    nn.init.normal_(theirs.bias)
    x = torch.randn(shape, dtype=torch.float64)
    expected = theirs(x)
    ours = with_batch_statistics(theirs)
    assert torch.allclose(ours(x), expected, rtol=0, atol=1e-12)
    assert torch.allclose(ours.eval()(x), expected, rtol=0, atol=1e-12)


def test_replacing_norms_keeps_names_and_order_of_parameters():
    module = BACKBONES["resnet-4"](OMNIGLOT, 5)
    before = [(name, p.shape) for name, p in module.named_parameters()]
    assert [(name, p.shape) for name, p in with_batch_statistics(module).named_parameters()] == before
    assert not list(module.buffers())
