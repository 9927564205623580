"""Every differentiable function that layers of torch.nn call has an exact second derivative here, or is refused."""

import inspect
from contextlib import nullcontext

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.autograd import gradgradcheck
from torch.func import functional_call, grad, vmap
from torch.nn.utils import parametrizations

from fewshot_bench.backbones.functional import PureOperations
from fewshot_bench.basics.errors import BenchError

pytestmark = pytest.mark.filterwarnings("ignore:There is a performance drop")

FLAT, ROW, MAP, VOLUME = (3, 4), (2, 2, 6), (2, 2, 4, 4), (1, 2, 4, 4, 4)
GRID = torch.linspace(-0.8, 0.7, 8, dtype=torch.float64).view(1, 2, 2, 2)


class Calls(nn.Module):
    """A function as a layer."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, *inputs):
        return self.function(*inputs)


class Attends(nn.Module):
    def __init__(self, need_weights):
        super().__init__()
        self.attention, self.need_weights = nn.MultiheadAttention(4, 2, batch_first=True), need_weights

    def forward(self, x):
        return self.attention(x, x, x, need_weights=self.need_weights)[0]


class Pair(nn.Module):
    """A layer of two inputs, given one twice."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        return self.layer(x, x.flip(0))


def in_place(x):
    """Its result is where its input was, as torch has it."""
    y = x * 1
    F.hardsigmoid(y, inplace=True)
    return y * y


def normed(layer, **how):
    return lambda: parametrizations.weight_norm(layer(), **how)


def encoder_layer():
    return nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0, activation="gelu", batch_first=True)


POINTWISE = (
    nn.CELU,
    nn.ELU,
    nn.GELU,
    nn.GLU,
    nn.Hardshrink,
    nn.Hardsigmoid,
    nn.Hardswish,
    nn.Hardtanh,
    nn.Identity,
    nn.LeakyReLU,
    nn.LogSigmoid,
    nn.Mish,
    nn.PReLU,
    nn.RReLU,
    nn.ReLU,
    nn.ReLU6,
    nn.SELU,
    nn.SiLU,
    nn.Sigmoid,
    nn.Softplus,
    nn.Softshrink,
    nn.Softsign,
    nn.Tanh,
    nn.Tanhshrink,
)

LAYERS = (
    {kind.__name__: (kind, FLAT) for kind in POINTWISE}
    | {
        "GELU tanh": (lambda: nn.GELU("tanh"), FLAT),
        "Hardsigmoid in place": (lambda: Calls(in_place), FLAT),
        "Threshold": (lambda: nn.Threshold(0.1, 2.0), FLAT),
        "Softmax": (lambda: nn.Softmax(1), FLAT),
        "Softmin": (lambda: nn.Softmin(1), FLAT),
        "LogSoftmax": (lambda: nn.LogSoftmax(1), FLAT),
        "Softmax2d": (nn.Softmax2d, MAP),
        "Linear": (lambda: nn.Linear(4, 3), FLAT),
        "Bilinear": (lambda: Pair(nn.Bilinear(4, 4, 2)), FLAT),
        "Conv1d": (lambda: nn.Conv1d(2, 3, 3, padding=1), ROW),
        "Conv2d": (lambda: nn.Conv2d(2, 3, 3, padding=1), MAP),
        "Conv2d strided, grouped": (lambda: nn.Conv2d(2, 4, 3, 2, 1, groups=2), MAP),
        "Conv2d dilated, reflecting": (lambda: nn.Conv2d(2, 1, 3, padding=2, dilation=2, padding_mode="reflect"), MAP),
        "Conv3d": (lambda: nn.Conv3d(2, 1, 3, padding=1), (1, 2, 3, 3, 3)),
        "ConvTranspose1d": (lambda: nn.ConvTranspose1d(2, 3, 3, stride=2), ROW),
        "ConvTranspose2d": (lambda: nn.ConvTranspose2d(2, 3, 3, stride=2), (1, 2, 3, 3)),
        "ConvTranspose3d": (lambda: nn.ConvTranspose3d(2, 1, 2), (1, 2, 2, 2, 2)),
        "BatchNorm1d": (lambda: nn.BatchNorm1d(4, track_running_stats=False), FLAT),
        "BatchNorm2d": (lambda: nn.BatchNorm2d(2, track_running_stats=False), MAP),
        "BatchNorm3d": (lambda: nn.BatchNorm3d(2, track_running_stats=False), (2, 2, 2, 2, 2)),
        "InstanceNorm1d": (lambda: nn.InstanceNorm1d(2, affine=True), ROW),
        "InstanceNorm2d": (lambda: nn.InstanceNorm2d(2, affine=True), MAP),
        "InstanceNorm3d": (lambda: nn.InstanceNorm3d(2, affine=True), (1, 2, 2, 2, 2)),
        "LayerNorm": (lambda: nn.LayerNorm(4), FLAT),
        "GroupNorm": (lambda: nn.GroupNorm(2, 4), (2, 4, 2, 2)),
        "RMSNorm": (lambda: nn.RMSNorm(4), FLAT),
        "LocalResponseNorm": (lambda: nn.LocalResponseNorm(3), MAP),
        "MaxPool1d": (lambda: nn.MaxPool1d(2), ROW),
        "MaxPool2d": (lambda: nn.MaxPool2d(3, 2, 1), MAP),
        "MaxPool3d": (lambda: nn.MaxPool3d(2), VOLUME),
        "MaxUnpool2d": (lambda: Calls(lambda x: F.max_unpool2d(*F.max_pool2d(x, 2, return_indices=True), 2)), MAP),
        "AdaptiveMaxPool1d": (lambda: nn.AdaptiveMaxPool1d(2), ROW),
        "AdaptiveMaxPool2d": (lambda: nn.AdaptiveMaxPool2d(2), MAP),
        "AdaptiveMaxPool3d": (lambda: nn.AdaptiveMaxPool3d(2), VOLUME),
        "AvgPool1d": (lambda: nn.AvgPool1d(2), ROW),
        "AvgPool2d": (lambda: nn.AvgPool2d(3, 2, 1, count_include_pad=False), MAP),
        "AvgPool3d": (lambda: nn.AvgPool3d(2), VOLUME),
        "AdaptiveAvgPool1d": (lambda: nn.AdaptiveAvgPool1d(2), ROW),
        "AdaptiveAvgPool2d": (lambda: nn.AdaptiveAvgPool2d(3), MAP),
        "AdaptiveAvgPool3d": (lambda: nn.AdaptiveAvgPool3d(2), VOLUME),
        "LPPool1d": (lambda: nn.LPPool1d(2, 2), ROW),
        "LPPool2d": (lambda: nn.LPPool2d(2, 2), MAP),
        "LPPool3d": (lambda: nn.LPPool3d(2, 2), VOLUME),
        "PixelShuffle": (lambda: nn.PixelShuffle(2), (1, 4, 2, 2)),
        "PixelUnshuffle": (lambda: nn.PixelUnshuffle(2), MAP),
        "ChannelShuffle": (lambda: nn.ChannelShuffle(2), (1, 4, 2, 2)),
        "Unfold": (lambda: nn.Unfold(2), (1, 2, 3, 3)),
        "Fold": (lambda: nn.Fold((3, 3), 2), (1, 4, 4)),
        "ReflectionPad1d": (lambda: nn.ReflectionPad1d(1), (1, 2, 3)),
        "ReflectionPad2d": (lambda: nn.ReflectionPad2d(1), (1, 2, 3, 3)),
        "ReflectionPad3d": (lambda: nn.ReflectionPad3d(1), (1, 1, 2, 2, 2)),
        "ReplicationPad1d": (lambda: nn.ReplicationPad1d(1), (1, 2, 3)),
        "ReplicationPad2d": (lambda: nn.ReplicationPad2d(1), (1, 2, 3, 3)),
        "ReplicationPad3d": (lambda: nn.ReplicationPad3d(1), (1, 1, 2, 2, 2)),
        "CircularPad2d": (lambda: nn.CircularPad2d(1), (1, 2, 3, 3)),
        "ConstantPad2d": (lambda: nn.ConstantPad2d(1, 0.5), (1, 2, 3, 3)),
        "CosineSimilarity": (lambda: Pair(nn.CosineSimilarity()), FLAT),
        "PairwiseDistance": (lambda: Pair(nn.PairwiseDistance()), FLAT),
        "cdist": (lambda: Calls(lambda x: torch.cdist(x[:2], x[2:])), (4, 3)),
        "normalize": (lambda: Calls(F.normalize), FLAT),
        "grid_sample": (lambda: Calls(lambda x: F.grid_sample(x, GRID, align_corners=False)), (1, 2, 3, 3)),
        "scaled_dot_product_attention": (
            lambda: Calls(lambda x: F.scaled_dot_product_attention(x, x.flip(1), x)),
            (1, 2, 3, 4),
        ),
        "MultiheadAttention": (lambda: Attends(True), (1, 3, 4)),
        "MultiheadAttention without weights": (lambda: Attends(False), (1, 3, 4)),
        "TransformerEncoderLayer": (encoder_layer, (1, 3, 4)),
        "Embedding": (lambda: Calls(lambda w: F.embedding(torch.tensor([[0, 1], [2, 0]]), w)), (4, 3)),
        "fft": (lambda: Calls(lambda x: torch.fft.rfft2(x).abs()), (1, 3, 4)),
        "weight_norm": (normed(lambda: nn.Linear(4, 3)), FLAT),
        "weight_norm along the last axis": (normed(lambda: nn.Linear(4, 3), dim=1), FLAT),
        "weight_norm along the last axis but one": (normed(lambda: nn.Linear(4, 3), dim=-2), FLAT),
        "weight_norm of all": (normed(lambda: nn.Linear(4, 3), dim=None), FLAT),
        "weight_norm of a vector": (normed(lambda: nn.Linear(4, 3), name="bias"), FLAT),
        "weight_norm of a convolution": (normed(lambda: nn.Conv2d(2, 2, 3)), MAP),
        "spectral_norm": (lambda: parametrizations.spectral_norm(nn.Linear(4, 3)), FLAT),
        "orthogonal": (lambda: parametrizations.orthogonal(nn.Linear(3, 3), orthogonal_map="matrix_exp"), (2, 3)),
        "orthogonal by Cayley": (lambda: parametrizations.orthogonal(nn.Linear(3, 3), orthogonal_map="cayley"), (2, 3)),
    }
    | {
        f"Upsample {mode}": (lambda mode=mode: nn.Upsample(size=(5, 7), mode=mode), (1, 2, 3, 3))
        for mode in ("nearest", "bilinear", "bicubic", "area")
    }
)
"""Name -> (layer, shape of its input). A name's first word is the class's where there is one."""

REFUSED = {
    "LSTM": (lambda: nn.LSTM(3, 4), (3, 1, 3)),
    "GRU": (lambda: nn.GRU(3, 4), (3, 1, 3)),
    "RNN": (lambda: nn.RNN(3, 4), (3, 1, 3)),
    "RNN relu": (lambda: nn.RNN(3, 4, nonlinearity="relu"), (3, 1, 3)),
    "LSTMCell": (lambda: nn.LSTMCell(3, 4), (2, 3)),
    "GRUCell": (lambda: nn.GRUCell(3, 4), (2, 3)),
    "RNNCell": (lambda: nn.RNNCell(3, 4), (2, 3)),
    "RNNCell relu": (lambda: nn.RNNCell(3, 4, nonlinearity="relu"), (2, 3)),
    "EmbeddingBag": (lambda: Calls(lambda w: F.embedding_bag(torch.tensor([[0, 1]]), w, mode="sum")), (4, 3)),
}
"""What has no second derivative, or cannot be computed for several tasks in one program."""

OF_OTHERS = {
    "Container Module ModuleDict ModuleList ParameterDict ParameterList Sequential": "hold layers",
    "RNNBase RNNCellBase Transformer TransformerDecoder TransformerDecoderLayer TransformerEncoder": "made of others",
    "AlphaDropout Dropout Dropout1d Dropout2d Dropout3d FeatureAlphaDropout": "multiply by what is drawn",
    "FractionalMaxPool2d FractionalMaxPool3d": "draw their windows; refused by learners/smoke_test.py",
    "Flatten Unflatten": "views",
    "CircularPad1d CircularPad3d ConstantPad1d ConstantPad3d ZeroPad1d ZeroPad2d ZeroPad3d": "as their twins",
    "MaxUnpool1d MaxUnpool3d": "as their twin",
    "UpsamplingBilinear2d UpsamplingNearest2d": "as Upsample",
    "CrossMapLRN2d": "an autograd.Function without setup_context; found by the rehearsal",
    "DataParallel": "of several devices",
    "SyncBatchNorm": "as BatchNorm, in a process without a group",
    "AdaptiveLogSoftmaxWithLoss": "for words",
}
"""Classes of torch.nn that need no row of their own, and why."""


def second_derivative(name, mode=PureOperations):
    """(function of input and weights under the mode, their values)."""
    torch.manual_seed(0)
    make, shape = (LAYERS | REFUSED)[name]
    layer = make().double().eval()
    names = [key for key, _ in layer.named_parameters()]
    values = [torch.randn(shape, dtype=torch.float64), *(p.detach() for p in layer.parameters())]

    def function(x, *weights):
        with mode(None):
            out = functional_call(layer, dict(zip(names, weights, strict=True)), (x,))
        return out[0] if isinstance(out, tuple) else out

    return function, values


@pytest.mark.parametrize("name", LAYERS)
def test_the_value_is_that_of_torch(name):
    (ours, values), (theirs, _) = (second_derivative(name, mode) for mode in (PureOperations, nullcontext))
    torch.testing.assert_close(ours(*values), theirs(*values), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", LAYERS)
def test_the_second_derivative_is_that_of_the_first(name):
    """By differences of the first in autograd; and by functorch, side by side, as meta-gradients are computed."""
    function, values = second_derivative(name)
    needed = [value.clone().requires_grad_() for value in values]
    assert gradgradcheck(function, needed, fast_mode=True)

    def gradients(*inputs):
        return grad(lambda inputs: (function(*inputs) * slope).sin().sum())(inputs)

    slope = torch.randn_like(function(*values))
    twice = grad(lambda inputs: sum((g * g).sum() for g in gradients(*inputs)))
    both = tuple(torch.stack([value, 0.9 * value + 0.01]) for value in values)
    found = vmap(twice)(both)
    for index in range(2):
        at = [value[index].clone().requires_grad_() for value in both]
        first = torch.autograd.grad((function(*at) * slope).sin().sum(), at, create_graph=True)
        expected = torch.autograd.grad(sum((g * g).sum() for g in first), at, allow_unused=True, materialize_grads=True)
        largest = max(float(g.abs().max()) for g in expected)
        for ours, theirs in zip(found, expected, strict=True):
            assert float((ours[index] - theirs).abs().max()) <= 1e-11 * max(largest, 1e-3)


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_exact_is_refused_in_a_sentence(name):
    function, values = second_derivative(name)
    with pytest.raises(BenchError, match=r"^the network calls torch\.\S+, which (cannot|has no) .*\. (Write|Use) "):
        function(*values)


def test_no_layer_of_torch_is_left_out():
    classes = {key for key, value in vars(nn).items() if inspect.isclass(value) and issubclass(value, nn.Module)}
    known = {name.partition(" ")[0] for name in LAYERS | REFUSED} | {
        word for names in OF_OTHERS for word in names.split()
    }
    assert {name for name in classes - known if not name.startswith("Lazy") and "Loss" not in name} == set()
