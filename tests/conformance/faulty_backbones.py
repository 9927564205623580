"""Backbones with one fault each."""

import random

import torch
from torch import nn


class Net(nn.Module):
    """Two linear layers; a subclass spoils what happens between them."""

    def __init__(self, image, ways):
        super().__init__()
        self.first = nn.Linear(image.channels * image.height * image.width, 6)
        self.head = nn.Linear(6, ways)

    def forward(self, x):
        return self.head(self.between(self.first(x.flatten(1))))

    def between(self, h):
        return h.tanh()


class Detached(Net):
    def between(self, h):
        return h.detach() + 0.1 * h


class InPlace(Net):
    def forward(self, x):
        x -= 0.5
        return super().forward(x)


class Branch(Net):
    def between(self, h):
        return h.tanh() if h.mean() > 0 else h.sin()


class Item(Net):
    def between(self, h):
        return h / (1 + h.square().mean().item())


class Drawn(Net):
    def between(self, h):
        return h.tanh() * (1 + 0.1 * torch.rand_like(h))


class DrawnInTraining(Net):
    def between(self, h):
        return h.tanh() * (1 + 0.1 * torch.rand(())) if self.training else h.tanh()


class FusedNorm(Net):
    """torch's batch norm as its kernel: its second derivative loses terms where it is taken from outside vmap."""

    def __init__(self, image, ways):
        super().__init__(image, ways)
        self.gain, self.shift = nn.Parameter(torch.ones(6)), nn.Parameter(torch.zeros(6))

    def between(self, h):
        return torch.native_batch_norm(h, self.gain, self.shift, None, None, True, 0.1, 1e-5)[0]


class RootAtZero(Net):
    def between(self, h):
        return h + (h * 0).sum(1, keepdim=True).sqrt()


class Single(Net):
    def between(self, h):
        return h.float().tanh()


class Remembers(Net):
    def __init__(self, image, ways):
        super().__init__(image, ways)
        self.seen = []

    def between(self, h):
        self.seen.append(1)
        return h.tanh() / len(self.seen)


class Patched(Net):
    """A forward that was replaced on the module, and calls what it replaces."""

    def __init__(self, image, ways):
        super().__init__(image, ways)
        inner = self.forward
        self.forward = lambda x: inner(1 - x)


class AllDetached(Net):
    def forward(self, x):
        return super().forward(x).detach()


class Hooked(Net):
    """Saved tensor hooks, as checkpointing has them."""

    def between(self, h):
        with torch.autograd.graph.saved_tensors_hooks(lambda x: x, lambda x: x):
            return h.tanh()


class OneTensorCut(Net):
    """The gradient of a tensor is 2 % too small; along one direction over all it would be lost among the others."""

    def __init__(self, image, ways):
        super().__init__(image, ways)
        self.gain = nn.Parameter(torch.full((6,), 1e-3))

    def between(self, h):
        return (h * (1 + 0.98 * self.gain + 0.02 * self.gain.detach())).tanh()


class OtherGenerator(Net):
    def __init__(self, image, ways):
        super().__init__(image, ways)
        nn.init.constant_(self.head.weight, random.random())


class FixedWays(Net):
    def __init__(self, image, ways):
        super().__init__(image, 5)


class HeadInside(Net):
    def forward(self, x):
        return super().forward(x).tanh()


def positional(image, ways, hidden=8):
    return Net(image, ways)


def wrong_default(image, ways, *, hidden: int = 8.0):
    return Net(image, ways)


def no_module(image, ways):
    return lambda x: x


def headless(image, ways):
    return nn.Sequential(nn.Conv2d(image.channels, ways, 3), nn.Tanh(), nn.AdaptiveAvgPool2d(1), nn.Flatten())


def idle_layer(image, ways):
    net = Net(image, ways)
    net.idle = nn.Linear(2, 2)
    return net


CASES = [
    (Detached, "second derivatives", False, "A detach"),
    (InPlace, "pure function", False, "in place"),
    (Branch, "vmap equals loop", False, "it looks at a tensor's value in Python"),
    (Item, "vmap equals loop", False, "it looks at a tensor's value in Python"),
    (Drawn, "pure function", False, "global generator"),
    (DrawnInTraining, "noise", False, "in training, it draws from torch's global generator"),
    (Branch, "traced", False, "it looks at a tensor's value in Python"),
    (Patched, "own weights", False, "do not depend on the weights it is given (first.weight"),
    (AllDetached, "finite meta gradient", False, "exactly zero for every tensor"),
    (OneTensorCut, "second derivatives", False, "/gain, "),
    (Hooked, "run", False, "gradient checkpointing"),
    (FusedNorm, "grad outside vmap", None, "gradients taken outside vmap are off by"),
    (RootAtZero, "finite meta gradient", False, "not finite for"),
    (Single, "precision", False, ""),
    (Remembers, "pure function", False, "it remembers something"),
    (OtherGenerator, "initial weights", False, "the same seed gives other weights"),
    (FixedWays, "logits", False, "2 images in, [2, 5] out; logits have to be [2, 3]."),
    (positional, "options", None, "no grid can set `hidden`"),
    (wrong_default, "options", False, "`hidden` starts as 8.0, but has to be a whole number."),
    (no_module, "module", False, "this one made a function"),
    (headless, "module", None, "no nn.Linear with 3 outputs at its end"),
    (HeadInside, "module", None, "no nn.Linear with 3 outputs at its end"),
    (idle_layer, "finite meta gradient", None, "exactly zero for idle.bias, idle.weight"),
]
"""Factory, the test that has to see it, as a fault or as a note, and a part of what it says."""
