"""Solvers of H x = b for implicit hypergradients, with a symmetric matrix H that is known by its products H v.

All run a fixed number of operations, whatever the values, so that they can be vmapped; NaN passes through. `nystrom`
and `dense` form columns of H; the others need only products.
"""

import random
from collections.abc import Callable
from math import inf

import torch
from torch import Tensor
from torch.func import vmap

from fewshot_bench.hypergradients.vectors import dot, plus, row, scaled, shaped, zeros
from fewshot_bench.inner_optimizers.base import Params, check_range

Matvec = Callable[[Params], Params]
"""v -> H v."""

Solver = Callable[[Matvec, Params], Params]
"""(v -> H v, b) -> x with H x about b. v, b and x are shaped like the weights."""


def conjugate_gradients(iterations: int, *, damping: float = 0.0) -> Solver:
    """`iterations` steps of conjugate gradients on (H + damping I) x = b from x = 0 (Hestenes & Stiefel 1952).

    Exact after as many iterations as H has distinct eigenvalues. iMAML: 5 iterations (Rajeswaran et al. 2019).
    Returns the last iterate. Once the residual is rounding error, x no longer changes: directions made of noise would
    otherwise grow if H is singular. A negative curvature is followed like a positive one.
    """
    check_range("iterations", iterations, 1, inf)
    check_range("damping", damping, 0, inf)

    def solver(matvec: Matvec, rhs: Params) -> Params:
        x, residual, direction = zeros(rhs), rhs, rhs
        size = dot(rhs, rhs)
        rounding = torch.finfo(size.dtype).eps ** 2 * size
        for _ in range(iterations):
            product = plus(matvec(direction), direction, damping)
            curvature = dot(direction, product)
            done = (size <= rounding) | (curvature == 0)  # False for NaN, which goes on into x
            step = torch.where(done, 0.0, size / torch.where(done, 1.0, curvature))
            x, residual = plus(x, direction, step), plus(residual, product, -step)
            new_size = dot(residual, residual)
            keep = torch.where(done, 0.0, new_size / torch.where(done, 1.0, size))
            direction, size = plus(residual, direction, keep), new_size
        return x

    return solver


def neumann(terms: int, *, alpha: float) -> Solver:
    """x = alpha * sum over j = 0 .. terms - 1 of (I - alpha H)^j b, the series from j = 0 (Lorraine et al. 2020).

    alpha: below 2 / (largest eigenvalue of H), or the series diverges. With gradient descent of rate alpha inside, this
    is what differentiating through its last `terms` steps at the minimum gives.
    """
    check_range("terms", terms, 1, inf)
    check_range("alpha", alpha, 0, inf)

    def solver(matvec: Matvec, rhs: Params) -> Params:
        term, total = rhs, rhs
        for _ in range(terms - 1):
            term = plus(term, matvec(term), -alpha)
            total = plus(total, term)
        return scaled(total, alpha)

    return solver


def identity(scale: float = 1.0) -> Solver:
    """x = scale * b, as if H were I / scale: one term of the Neumann series (T1-T2, Luketina et al. 2016)."""

    def solver(matvec: Matvec, rhs: Params) -> Params:
        del matvec  # what this approximation leaves out
        return scaled(rhs, scale)

    return solver


def dense() -> Solver:
    """x = H^-1 b with all of H in memory: exact, for up to a few thousand weights.

    Raises torch's LinAlgError for a singular H.
    """

    def solver(matvec: Matvec, rhs: Params) -> Params:
        elements = row(rhs)
        matrix = _columns(matvec, rhs, list(range(len(elements))))
        return shaped(torch.linalg.solve(matrix, elements), rhs)

    return solver


def nystrom(rank: int, *, rho: float, seed: int = 0) -> Solver:
    """x = (C W^-1 C' + rho I)^-1 b, with C = H[:, K] and W = H[K, K] (Hataya & Yamada 2023, by Woodbury's identity).

    K: `rank` elements of the weights (all if there are fewer), drawn uniformly without replacement from `seed`. They
    are the same at every call and in every task, so an estimate is a function of its arguments; the paper draws them
    anew each time. With all columns x is (H + rho I)^-1 b.
    rho: positive. Directions outside the columns count as having curvature rho, so x is b / rho there.
    Columns that are zero (dead ReLUs) or multiples of others do no harm.
    """
    check_range("rank", rank, 1, inf)
    if not rho > 0:
        raise ValueError(f"`rho` is {rho}, but has to be positive.")

    def solver(matvec: Matvec, rhs: Params) -> Params:
        elements = row(rhs)
        count = len(elements)
        drawn = sorted(random.Random(seed).sample(range(count), min(rank, count)))
        C = _columns(matvec, rhs, drawn)
        small = rho * C[drawn] + C.T @ C
        # The pseudo-inverse: if `small` is singular, C is zero along the same vectors.
        correction = C @ (torch.linalg.pinv(small, hermitian=True) @ (C.T @ elements))
        return shaped((elements - correction) / rho, rhs)

    return solver


def _columns(matvec: Matvec, like: Params, which: list[int]) -> Tensor:
    """H[:, which], [elements, len(which)]."""
    example = row(like)
    everywhere = torch.arange(len(example), device=example.device)
    units = (torch.tensor(which, device=example.device)[:, None] == everywhere).to(example.dtype)
    return vmap(lambda unit: row(matvec(shaped(unit, like))), out_dims=1)(units)
