"""The head of any network: the last linear layer, which turns features into one logit for each class."""

import copy

from torch import nn


def find_head(module: nn.Module, ways: int) -> str | None:
    """The name of the last linear layer with one output for each class; None if there is none.

    "Last" means the order of `named_modules`. learners/smoke_test.py checks that the logits come from this layer.
    """
    names = [
        name for name, layer in module.named_modules() if isinstance(layer, nn.Linear) and layer.out_features == ways
    ]
    return names[-1] if names else None


def head_parameters(module: nn.Module, head: str) -> tuple[str, ...]:
    """Names of the head's weight and, if it has one, bias. Empty if another layer shares one of them."""
    own = {id(parameter) for parameter in module.get_submodule(head).parameters()}
    others = {
        id(parameter)
        for name, layer in module.named_modules()
        for parameter in layer.parameters(recurse=False)
        if name != head
    }
    if own & others:
        return ()
    return tuple(name for name, parameter in module.named_parameters() if id(parameter) in own)


def without(module: nn.Module, head: str) -> nn.Module:
    """A copy of the network without its head. It returns the features that the head would get."""
    if not head:  # the network is its head
        return nn.Identity()
    body = copy.deepcopy(module)
    layer = body.get_submodule(head)
    for name in [name for name, module in body.named_modules(remove_duplicate=False) if module is layer]:
        body.set_submodule(name, nn.Identity())
    return body


def norm_parameters(module: nn.Module, kinds: tuple[type[nn.Module], ...]) -> tuple[str, ...]:
    """Names of the gains and shifts of normalisation layers."""
    own = {
        id(parameter)
        for layer in module.modules()
        if isinstance(layer, kinds)
        for parameter in layer.parameters(recurse=False)
    }
    return tuple(name for name, parameter in module.named_parameters() if id(parameter) in own)
