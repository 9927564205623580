"""The four-block network in the shapes that published recipes have it, against the same layers written out."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from fewshot_bench.backbones.vgg import vgg
from fewshot_bench.basics.images import ImageShape

OMNIGLOT, MINI = ImageShape(1, 28, 28), ImageShape(3, 84, 84)


def written_out(weights, x, *, stride, slope, average):
    """Logits by functions; batch statistics, as everywhere in the suite."""
    for stage in range(1, 5):
        x = F.conv2d(x, weights[f"conv{stage}.weight"], weights[f"conv{stage}.bias"], stride=stride, padding=1)
        x = (x - x.mean((0, 2, 3), keepdim=True)) / (x.var((0, 2, 3), keepdim=True, correction=0) + 1e-5).sqrt()
        x = torch.where(x > 0, x, slope * x)
        if stride == 1:
            x = F.max_pool2d(x, 2)
    x = x.mean((2, 3)) if average else x.flatten(1)
    return x @ weights["head.weight"].T + weights["head.bias"]


@pytest.mark.parametrize("image", [OMNIGLOT, MINI], ids=["omniglot", "mini-imagenet"])
@pytest.mark.parametrize("average", [False, True])
@pytest.mark.parametrize("slope", [0.0, 0.01])
@pytest.mark.parametrize(("downsample", "stride"), [("pool", 1), ("stride", 2)])
def test_logits_are_those_of_the_layers_written_out(image, downsample, stride, slope, average):
    network = vgg(image, 5, filters=8, downsample=downsample, slope=slope, average=average).double()
    x = torch.rand(6, *image, dtype=torch.float64)
    expected = written_out(dict(network.named_parameters()), x, stride=stride, slope=slope, average=average)
    assert torch.allclose(network(x), expected, rtol=0, atol=1e-12)


def features(image, **options) -> int:
    head = vgg(image, 5, **options).head
    assert isinstance(head, nn.Linear)
    return head.in_features


def test_features_before_the_head_are_the_published_ones():
    assert features(OMNIGLOT) == 64
    assert features(MINI) == 1600  # Snell et al. 2017, section 3.2
    assert features(MINI, filters=32) == 800  # cbfinn/maml, maml.py: 32 * 5 * 5
    assert features(OMNIGLOT, downsample="stride") == 256  # imaml_dev, learner_model.py: 2 * 2 * 64
    assert features(OMNIGLOT, downsample="stride", average=True) == 64  # cbfinn/maml, maml.py: w5


def test_the_options_leave_the_default_network_and_its_initial_weights_as_they_were():
    torch.manual_seed(0)
    layers = [module for c in (1, 64, 64, 64) for module in (nn.Conv2d(c, 64, 3, padding=1), nn.BatchNorm2d(64))]
    expected = [p for module in [*layers, nn.Linear(64, 5)] for p in module.parameters()]
    torch.manual_seed(0)
    made = list(vgg(OMNIGLOT, 5).named_parameters())
    assert [name for name, _ in made][-2:] == ["head.weight", "head.bias"]
    assert all(torch.equal(ours, theirs) for (_, ours), theirs in zip(made, expected, strict=True))


def test_a_strided_network_has_the_pooled_ones_parameter_names():
    names = [[name for name, _ in vgg(OMNIGLOT, 5, downsample=kind).named_parameters()] for kind in ("pool", "stride")]
    assert names[0] == names[1]
