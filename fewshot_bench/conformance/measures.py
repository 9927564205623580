"""How far two results are apart, whether a gradient is one, and whether a function is pure."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_leaves, tree_map

from fewshot_bench.hypergradients.vectors import dot, norm, plus, scaled
from fewshot_bench.inner_optimizers.base import Params

STEPS = (1e-6, 1e-7, 1e-5)
"""Lengths of finite differences in float64, tried in this order: shorter ones step over fewer kinks (of a ReLU, of a
maximum), longer ones have less rounding.
"""


class Slope(NamedTuple):
    """The slope along one direction: as a gradient has it, and by central differences of some step.

    error: what is between them, relative, less what rounding alone may do to the differences; NaN where either is.
    """

    claimed: float
    measured: float
    step: float
    error: float


def slope(value: Callable[[Params], Tensor], at: Params, gradient: Params, allowed: float) -> Slope:
    """`gradient` of `value` at a point against central differences along a random direction of length 1, in float64.

    Of the STEPS, the first that agrees to `allowed`, else the one that comes nearest: wrong gradients agree with none.
    """
    generator = torch.Generator().manual_seed(0)
    drawn = {name: torch.randn(p.shape, dtype=p.dtype, generator=generator) for name, p in at.items()}
    direction = scaled(drawn, 1 / norm(drawn))
    claimed, found = float(dot(gradient, direction)), []
    for step in STEPS:
        ahead, behind = (float(value(plus(at, direction, sign * step))) for sign in (1, -1))
        measured, rounding = (ahead - behind) / (2 * step), torch.finfo(torch.float64).eps * abs(ahead) / step
        beyond = abs(claimed - measured) - rounding
        error = 0.0 if beyond <= 0 else beyond / abs(measured) if measured else float("inf")
        found.append(Slope(claimed, measured, step, error))
        if error <= allowed:
            return found[-1]
    return min(found, key=lambda one: one.error)


def apart(a: Any, b: Any) -> float:
    """The largest difference of two trees of tensors, relative to the largest element of `b`; NaN where one is NaN."""
    pairs = list(zip(tree_leaves(a), tree_leaves(b), strict=True))
    if not pairs:
        return 0.0
    largest = torch.stack([_largest(right) for _, right in pairs]).max()
    difference = torch.stack([_largest(left - right) for left, right in pairs]).max()
    return float(difference / largest) if float(largest) != 0 else float(difference)


def elsewhere(tree: Any) -> Any:
    """Another point, not far away, where rates and betas are still such: each number 1 % less."""
    return tree_map(lambda tensor: 0.99 * tensor, tree)


def same(a: Any, b: Any) -> bool:
    """Whether two trees are equal in names, shapes, types and every element; NaN equals NaN."""
    (left, names), (right, other_names) = tree_flatten(a), tree_flatten(b)
    return names == other_names and all(_same_leaf(x, y) for x, y in zip(left, right, strict=True))


def finite(tree: Any) -> bool:
    """Whether no element is infinite or NaN."""
    return all(bool(leaf.isfinite().all()) for leaf in tree_leaves(tree))


def impurity(function: Callable[..., Any], *given: Any, between: Callable[[], Any] = lambda: None) -> str | None:
    """Why `function` is not a pure one, None where nothing is seen. between: what is computed between two calls."""
    before, generator = _copied(given), torch.get_rng_state()
    first = _copied(function(*given))
    if not same(given, before):
        return "it changes what it is given. Nothing may be done to an argument in place: p = p - x, not p -= x."
    if not torch.equal(generator, torch.get_rng_state()):
        return "it draws from torch's global generator, so a result depends on what was drawn before."
    between()
    if not same(first, _copied(function(*given))):
        return "given the same once more it gives another result, so it remembers something or draws at random."
    return None


def _largest(tensor: Tensor) -> Tensor:
    return tensor.detach().double().abs().max() if tensor.numel() else torch.zeros((), dtype=torch.float64)


def _same_leaf(a: Any, b: Any) -> bool:
    if not isinstance(a, Tensor) or not isinstance(b, Tensor):
        return bool(a == b)
    return a.shape == b.shape and a.dtype == b.dtype and torch.allclose(a, b, rtol=0, atol=0, equal_nan=True)


def _copied(tree: Any) -> Any:
    return tree_map(lambda leaf: leaf.detach().clone() if isinstance(leaf, Tensor) else leaf, tree)
