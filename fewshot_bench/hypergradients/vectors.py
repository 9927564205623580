"""Flat dicts of tensors as vectors: sums, products, norms, and conversion to one row of numbers."""

import torch
from torch import Tensor

from fewshot_bench.inner_optimizers.base import Params


def constant(a: Params) -> Params:
    """The same numbers without a gradient history."""
    return {name: tensor.detach() for name, tensor in a.items()}


def zeros(like: Params) -> Params:
    return {name: torch.zeros_like(tensor) for name, tensor in like.items()}


def plus(a: Params, b: Params, times: Tensor | float = 1.0) -> Params:
    """a + times * b; `times` is 0-dimensional."""
    return {name: tensor + times * b[name] for name, tensor in a.items()}


def scaled(a: Params, times: Tensor | float) -> Params:
    return {name: times * tensor for name, tensor in a.items()}


def dot(a: Params, b: Params) -> Tensor:
    return torch.stack([(tensor * b[name]).sum() for name, tensor in a.items()]).sum()


def norm(a: Params) -> Tensor:
    """Euclidean length. Not for differentiation: its slope at zero is infinite."""
    return dot(a, a).sqrt()


def row(a: Params) -> Tensor:
    """All elements in one tensor, [elements], in the order of the dict."""
    return torch.cat([tensor.reshape(-1) for tensor in a.values()])


def shaped(elements: Tensor, like: Params) -> Params:
    """The inverse of `row`: `elements` [elements] in the names and shapes of `like`."""
    parts = elements.split([tensor.numel() for tensor in like.values()])
    return {name: part.view(tensor.shape) for (name, tensor), part in zip(like.items(), parts, strict=True)}
