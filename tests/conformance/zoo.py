"""Networks as other people write them: `(image, ways) -> nn.Module` for small grey images, some of them impossible."""

import timm
import torch
import torch.nn.functional as F
import torchvision
from torch import nn
from torch.nn.utils import parametrizations
from torch.utils.checkpoint import checkpoint


class Net(nn.Module):
    """A convolution, what is in the middle, and a linear layer: 4 x 7 x 7 features for 28 x 28 pixels."""

    def __init__(self, image, ways, *middle, stem=None, features=36):
        super().__init__()
        self.stem = nn.Conv2d(image.channels, 4, 5, stride=3, padding=1) if stem is None else stem
        self.middle = nn.Sequential(*middle)
        self.pool = nn.AdaptiveAvgPool2d(3)
        self.fc = nn.Linear(features, ways)

    def forward(self, x):
        return self.fc(self.between(self.pool(self.middle(self.stem(x).tanh()))).flatten(1))

    def between(self, h):
        return h


class Calls(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def with_middle(*make):
    return lambda image, ways: Net(image, ways, *(one() for one in make))


def mlp(image, ways):
    return nn.Sequential(
        nn.Flatten(), nn.Linear(image.channels * image.height * image.width, 8), nn.Tanh(), nn.Linear(8, ways)
    )


def zero_gains(image, ways):
    """A residual block that begins as the identity: its last norm's gain is zero, so every ReLU is on its kink."""
    norm = nn.BatchNorm2d(4)
    nn.init.zeros_(norm.weight)
    return Net(image, ways, Residual(nn.Conv2d(4, 4, 3, padding=1, bias=False), norm), nn.ReLU())


class Residual(nn.Sequential):
    def forward(self, x):
        return F.relu(x + super().forward(x)) - x


def timm_vit(image, ways):
    sizes = {"img_size": 28, "patch_size": 14, "embed_dim": 8, "depth": 1, "num_heads": 2}
    return timm.models.VisionTransformer(num_classes=ways, in_chans=image.channels, drop_path_rate=0.2, **sizes)


def timm_resnet(image, ways):
    """timm's as it is, but small: its last norms begin with gains of zero."""
    sizes = {"layers": (1, 1, 1, 1), "channels": (4, 4, 4, 4), "stem_width": 4}
    block = timm.models.resnet.BasicBlock
    return timm.models.resnet.ResNet(block, num_classes=ways, in_chans=image.channels, **sizes)


def torchvision_densenet(image, ways):
    net = torchvision.models.DenseNet(4, (1, 1), 4, num_classes=ways)
    net.features.conv0 = nn.Conv2d(image.channels, 4, 3, bias=False)
    return net


def squeeze_and_excitation(image, ways):
    """As torchvision's MobileNetV3 has it."""
    gate = torchvision.ops.SqueezeExcitation(4, 2, activation=nn.Hardswish, scale_activation=nn.Hardsigmoid)
    return Net(image, ways, gate)


def encoder(image, ways):
    layer = nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0, batch_first=True)
    into, out_of = Calls(lambda x: x.flatten(2).mT), Calls(lambda x: x.mT.unflatten(2, (9, 9)))
    return Net(image, ways, into, layer, out_of)


def weight_norm(image, ways):
    return Net(image, ways, parametrizations.weight_norm(nn.Conv2d(4, 4, 3)))


def old_weight_norm(image, ways):
    with_hook = nn.utils.weight_norm(nn.Linear(36, 36))
    return Net(image, ways, nn.AdaptiveAvgPool2d(3), nn.Flatten(), with_hook, nn.Unflatten(1, (4, 3, 3)))


def cayley(image, ways):
    return Net(image, ways, parametrizations.orthogonal(nn.Conv2d(4, 4, 1), orthogonal_map="cayley"))


def spectral_norm(image, ways):
    return Net(image, ways, parametrizations.spectral_norm(nn.Conv2d(4, 4, 3)))


class Fourier(nn.Module):
    """A product with complex weights in the frequency domain."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(4, 9, 5, dtype=torch.complex64))

    def forward(self, x):
        return torch.fft.irfft2(torch.fft.rfft2(x) * self.weight.to(x.dtype.to_complex()), s=(9, 9))


class RealFourier(nn.Module):
    """The same with a real and an imaginary part."""

    def __init__(self):
        super().__init__()
        self.parts = nn.Parameter(torch.randn(4, 9, 5, 2))

    def forward(self, x):
        return torch.fft.irfft2(torch.fft.rfft2(x) * torch.view_as_complex(self.parts), s=(9, 9))


def frozen(image, ways):
    net = Net(image, ways, nn.Conv2d(4, 4, 3))
    net.stem.requires_grad_(False)
    return net


class Tied(Net):
    def __init__(self, image, ways):
        super().__init__(image, ways)
        self.first, self.second = nn.Linear(36, 36), nn.Linear(36, 36)
        self.second.weight = self.first.weight

    def between(self, h):
        return self.second(self.first(h.flatten(1)).tanh()).tanh()


class Buffered(Net):
    def __init__(self, image, ways):
        super().__init__(image, ways)
        self.register_buffer("mix", torch.linspace(-1, 1, 81).sin().view(9, 9))
        self.register_buffer("order", torch.arange(8, -1, -1), persistent=False)

    def between(self, h):
        return (h.flatten(2) @ self.mix)[..., self.order]


class Lists(Net):
    def __init__(self, image, ways):
        super().__init__(image, ways)
        self.gains = nn.ParameterList([nn.Parameter(torch.ones(4, 1, 1)) for _ in range(2)])
        self.named = nn.ModuleDict({"a": nn.Conv2d(4, 4, 1), "b": nn.Conv2d(4, 4, 1)})

    def between(self, h):
        return self.named["b"](self.named["a"](h * self.gains[0]).tanh() * self.gains[1])


class HarmlessHook(Net):
    """The hook uses what it is given, and nothing else."""

    def __init__(self, image, ways):
        super().__init__(image, ways)
        self.stem.register_forward_hook(lambda module, given, out: out + module.bias.sum())


class Functional(torch.autograd.Function):
    """A derivative of one's own, as torch.func wants it."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x):
        return x.sinh()

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, g):
        return g * ctx.saved_tensors[0].cosh()


class OldFunction(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.sinh()

    @staticmethod
    def backward(ctx, g):
        return g * ctx.saved_tensors[0].cosh()


def channels_last(image, ways):
    return Net(image, ways, nn.Conv2d(4, 4, 3)).to(memory_format=torch.channels_last)


class Cell(Net):
    """Rows one after another through a recurrent cell."""

    def __init__(self, image, ways, cell):
        super().__init__(image, ways, features=12)
        self.cell = cell

    def between(self, h):
        state, rows = None, h.flatten(2)
        for index in range(4):
            state = self.cell(rows[:, index], state)
        return torch.cat([state[0]] * 1, 1) if isinstance(state, tuple) else state


def lstm_cell(image, ways):
    return Cell(image, ways, nn.LSTMCell(9, 12))


def gru_cell(image, ways):
    return Cell(image, ways, nn.GRUCell(9, 12))


class Recurrent(Net):
    def __init__(self, image, ways, layer):
        super().__init__(image, ways, features=12)
        self.layer = layer

    def between(self, h):
        return self.layer(h.flatten(2))[0][:, -1]


def lstm(image, ways):
    return Recurrent(image, ways, nn.LSTM(9, 12, batch_first=True))


def rnn(image, ways):
    return Recurrent(image, ways, nn.RNN(9, 12, batch_first=True))


class CellOfLinearLayers(nn.Module):
    """What the refusal of a recurrent cell asks for."""

    def __init__(self):
        super().__init__()
        self.given, self.held = nn.Linear(9, 12), nn.Linear(12, 12)

    def forward(self, x, state):
        return torch.tanh(self.given(x) + (0 if state is None else self.held(state)))


def own_cell(image, ways):
    return Cell(image, ways, CellOfLinearLayers())


class Checkpointed(Net):
    reentrant = False

    def between(self, h):
        return checkpoint(torch.sin, h, use_reentrant=self.reentrant)


class CheckpointedOldWay(Checkpointed):
    reentrant = True


def patched(image, ways):
    """A forward that was replaced on the module: a copy of it still calls the module's own."""
    net = Net(image, ways, nn.BatchNorm2d(4))
    inner = net.forward
    net.forward = lambda x: inner(1 - x)
    return net


def patched_inside(image, ways):
    net = Net(image, ways, nn.Conv2d(4, 4, 3))
    inner = net.middle.forward
    net.middle.forward = lambda x: inner(x).sin()
    return net


class Features(Net):
    """A hook that writes into the module, and features left over from a first pass."""

    def __init__(self, image, ways):
        super().__init__(image, ways)
        self.seen = {}
        self.stem.register_forward_hook(lambda module, given, out: self.seen.update(features=out))
        with torch.no_grad():
            self.stem(torch.zeros(1, *image))

    def forward(self, x):
        self.stem(x)
        features = self.seen["features"].tanh() + 0 * x.mean()
        return self.fc(self.pool(features).flatten(1)).expand(len(x), -1)


class Branch(Net):
    def between(self, h):
        return h if h.mean() > 0 else -h


class Item(Net):
    def between(self, h):
        return h / (1 + h.square().mean().item())


class Drawn(Net):
    def between(self, h):
        return h + torch.rand_like(h)


class Counts(Net):
    def __init__(self, image, ways):
        super().__init__(image, ways)
        self.register_buffer("calls", torch.zeros(()))

    def between(self, h):
        self.calls += 1
        return h / self.calls


class NoGradient(Net):
    """Trains nothing: its logits carry no gradient."""

    def forward(self, x):
        return super().forward(x).detach()


class NoWeights(Net):
    """Its logits do not depend on its weights."""

    def forward(self, x):
        return x.flatten(1)[:, : self.fc.out_features]


class Two(Net):
    def forward(self, x):
        return super().forward(x), x


def lazy(image, ways):
    return nn.Sequential(nn.Flatten(), nn.LazyLinear(ways))


RUN = {
    "linear layers": mlp,
    "convolution": with_middle(),
    "batch norm": with_middle(lambda: nn.BatchNorm2d(4), nn.ReLU, lambda: nn.MaxPool2d(2)),
    "layer norm": with_middle(lambda: nn.LayerNorm([4, 9, 9])),
    "group norm": with_middle(lambda: nn.GroupNorm(2, 4), nn.SiLU),
    "instance norm": with_middle(lambda: nn.InstanceNorm2d(4, affine=True, track_running_stats=True), nn.Mish),
    "RMS norm": with_middle(lambda: nn.RMSNorm([4, 9, 9]), nn.GELU),
    "zero gains": zero_gains,
    "timm's vision transformer": timm_vit,
    "timm's resnet": timm_resnet,
    "torchvision's densenet": torchvision_densenet,
    "squeeze and excitation": squeeze_and_excitation,
    "attention": encoder,
    "weight norm": weight_norm,
    "orthogonal": cayley,
    "complex numbers inside": with_middle(RealFourier),
    "frozen": frozen,
    "tied": Tied,
    "buffers": Buffered,
    "lists of parameters": Lists,
    "dropout": with_middle(lambda: nn.Dropout2d(0.3), lambda: nn.Dropout(0.5)),
    "random leaky ReLU": with_middle(nn.RReLU),
    "a harmless hook": HarmlessHook,
    "a derivative of its own": with_middle(lambda: Calls(Functional.apply)),
    "channels last": channels_last,
    "a recurrent cell of linear layers": own_cell,
    "upsampling": with_middle(lambda: nn.Upsample(scale_factor=2, mode="bilinear"), lambda: nn.LPPool2d(2, 2)),
}

REFUSED = {
    "LSTM cell": (lstm_cell, "calls torch.lstm_cell, which cannot compute several tasks"),
    "GRU cell": (gru_cell, "calls torch.gru_cell, which cannot compute several tasks"),
    "LSTM": (lstm, "calls torch.lstm, which cannot compute several tasks"),
    "RNN": (rnn, "calls torch.rnn_tanh, which cannot compute several tasks"),
    "checkpointing": (Checkpointed, "gradient checkpointing, which torch.func cannot differentiate"),
    "checkpointing, the old way": (CheckpointedOldWay, "autograd.Function without `setup_context`"),
    "an old autograd.Function": (with_middle(lambda: Calls(OldFunction.apply)), "without `setup_context`"),
    "complex weights": (with_middle(Fourier), ""),
    "weight norm by a hook": (old_weight_norm, "cannot be copied"),
    "spectral norm": (spectral_norm, "changes its buffer"),
    "a patched forward": (patched, "do not depend on the weights it is given"),
    "a patched forward inside": (patched_inside, "do not depend on the weights it is given (middle.0.weight"),
    "features from a hook": (Features, "do not depend on the weights it is given"),
    "a branch": (Branch, "looks at a tensor's value in Python"),
    "item()": (Item, "looks at a tensor's value in Python"),
    "random numbers": (Drawn, "draws"),
    "a counter": (Counts, "changes its buffer"),
    "no gradient": (NoGradient, "zero for every"),
    "no weights": (NoWeights, "are the same for other weights"),
    "two results": (Two, "gives a tuple"),
    "lazy layers": (lazy, "lazy layers"),
}
"""Name -> (network, a part of the reason that both give)."""

NETWORKS = RUN | {name: make for name, (make, _) in REFUSED.items()}


def network(image, ways, *, name: str = ""):
    """Any of them, as a grid names it."""
    return NETWORKS[name](image, ways)
