"""Measures for checks: difference of two results, error of a gradient, purity of a function."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from fewshot_bench.hypergradients.batching import tree_flatten, tree_leaves, tree_map
from fewshot_bench.hypergradients.vectors import dot, norm, plus, scaled
from fewshot_bench.inner_optimizers.base import Params

STEPS = (1e-6, 1e-7, 1e-5)
"""Steps of finite differences in float64, tried in this order. Short steps cross fewer kinks (of a ReLU or a maximum);
long steps have less rounding error.
"""


NEGLIGIBLE = 1e-3
"""Slopes below this share of the largest slope are compared with that share, not with their own size."""

SHORT_STEPS = (1e-8, 1e-9)
"""Tried after STEPS, but only along steep slopes, where rounding stays below a tenth of the tolerance."""

SIMILAR = 30.0
"""Slopes within this factor of each other are measured together."""


class Slope(NamedTuple):
    """The slope along one direction. claimed: by the gradient. measured: by central differences of length `step`.

    error: their relative difference, less the largest effect of rounding; NaN if either is NaN.
    """

    claimed: float
    measured: float
    step: float
    error: float


def slope(
    value: Callable[[Params], Tensor],
    at: Params,
    gradient: Params,
    allowed: float,
    direction: Params | None = None,
    least: float = 0.0,
) -> Slope:
    """Compare `gradient` of `value` at a point with central differences along a direction, in float64.

    direction: of length 1; None: a random one. least: lower bound of the denominator of the relative error. Returns
    the slope for the first of STEPS that agrees to `allowed`, else that with the smallest error. A wrong gradient
    agrees with no step.
    """
    direction = direction or _random_direction(at)
    claimed, found = float(dot(gradient, direction)), []
    for step in (*STEPS, *SHORT_STEPS):
        ahead, behind = (float(value(plus(at, direction, sign * step)).detach()) for sign in (1, -1))
        measured, rounding = (ahead - behind) / (2 * step), torch.finfo(torch.float64).eps * abs(ahead) / step
        if step in SHORT_STEPS and rounding > 0.1 * allowed * abs(claimed):
            break
        beyond = abs(claimed - measured) - rounding
        size = max(abs(measured), least)
        error = 0.0 if beyond <= 0 else beyond / size if size else float("inf")
        found.append(Slope(claimed, measured, step, error))
        if error <= allowed:
            return found[-1]
    return min(found, key=lambda one: one.error)


def wrong_slope(
    value: Callable[[Params], Tensor], at: Params, gradient: Params, allowed: float
) -> tuple[str, Slope] | None:
    """The first tensor along which `gradient` is not the gradient of `value` (see `slope`), and its slope; or None.

    Tensors with slopes of similar size are tested together. Each contributes the same share of the common slope, so
    that a large slope cannot hide a wrong small one. A group that fails is halved, down to single tensors. Slopes below
    NEGLIGIBLE of the largest are compared with that bound. (The slope of a bias before a batch norm is zero up to
    rounding.)
    """
    along = {name: _random_direction({name: p}, seed)[name] for seed, (name, p) in enumerate(at.items())}
    claimed = {name: float((gradient[name] * d).sum()) for name, d in along.items()}
    least = NEGLIGIBLE * max(map(abs, claimed.values()))
    groups: list[list[str]] = []
    for name in sorted(claimed, key=lambda name: abs(claimed[name])):
        if not groups or abs(claimed[name]) > SIMILAR * max(abs(claimed[groups[-1][0]]), least):
            groups.append([])
        groups[-1].append(name)

    def search(names: list[str]) -> tuple[str, Slope] | None:
        shares = {name: along[name] / (claimed[name] if abs(claimed[name]) > least else least or 1.0) for name in names}
        direction = {name: shares.get(name, torch.zeros_like(p)) for name, p in at.items()}
        length = norm(direction)
        share = (1.0 if least else 0.0) / float(length)  # of each tensor in the common slope, at least
        unit = scaled(direction, 1 / length)
        found = slope(value, at, gradient, allowed / len(names), unit, least=len(names) * share)
        if found.error <= allowed / len(names):
            return None
        if len(names) == 1:
            return names[0], found
        middle = len(names) // 2
        return search(names[:middle]) or search(names[middle:])

    return next(filter(None, map(search, groups)), None)


def _random_direction(at: Params, seed: int = 0) -> Params:
    """A random direction of length 1."""
    generator = torch.Generator().manual_seed(seed)
    drawn = {name: torch.randn(p.shape, dtype=p.dtype, generator=generator) for name, p in at.items()}
    return scaled(drawn, 1 / norm(drawn))


def apart(a: Any, b: Any) -> float:
    """The largest difference of two trees of tensors, relative to the largest element of `b`; NaN if one is NaN."""
    pairs = list(zip(tree_leaves(a), tree_leaves(b), strict=True))
    if not pairs:
        return 0.0
    largest = torch.stack([_largest(right) for _, right in pairs]).max()
    difference = torch.stack([_largest(left - right) for left, right in pairs]).max()
    return float(difference / largest) if float(largest) != 0 else float(difference)


def elsewhere(tree: Any) -> Any:
    """A nearby point: each number 1 % smaller, so that rates and betas stay in their ranges."""
    return tree_map(lambda tensor: 0.99 * tensor, tree)


def same(a: Any, b: Any) -> bool:
    """Whether two trees are equal in names, shapes, types and every element; NaN equals NaN."""
    (left, names), (right, other_names) = tree_flatten(a), tree_flatten(b)
    return names == other_names and all(_same_leaf(x, y) for x, y in zip(left, right, strict=True))


def finite(tree: Any) -> bool:
    """Whether no element is infinite or NaN."""
    return all(bool(leaf.isfinite().all()) for leaf in tree_leaves(tree))


def impurity(function: Callable[..., Any], *given: Any, between: Callable[[], Any] = lambda: None) -> str | None:
    """Why `function` is not pure; None if no reason is found. between: computed between two calls."""
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
