"""The classification layer of any network: what turns features into one logit a class."""

import copy
from collections.abc import Iterable

from torch import nn


def find_head(module: nn.Module, ways: int) -> str | None:
    """The name of the last linear layer with one output a class, None where there is none, e.g. in a network whose
    last layer is a convolution.
    """
    names = [
        name for name, layer in module.named_modules() if isinstance(layer, nn.Linear) and layer.out_features == ways
    ]
    return names[-1] if names else None


def without(module: nn.Module, head: str) -> nn.Module:
    """A copy of the network that gives what its head would be given. The copy has its own tensors."""
    if not head:  # the network is its head
        return nn.Flatten()
    body = copy.deepcopy(module)
    body.set_submodule(head, nn.Identity())
    return body


def norm_parameters(module: nn.Module, kinds: tuple[type[nn.Module], ...]) -> Iterable[str]:
    """Names of the gains and shifts of normalisation layers."""
    for name, layer in module.named_modules():
        if isinstance(layer, kinds):
            yield from (f"{name}.{parameter}" for parameter, _ in layer.named_parameters(recurse=False))
