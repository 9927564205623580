"""Solutions x of H x = b for implicit hypergradients, where H is a symmetric matrix known by its products H v.

All of them run a fixed number of operations without looking at a value, so that they can be vmapped, and let NaN
through. `nystrom` and `dense`, which look at columns of H, are in column_solvers.py.
"""

from collections.abc import Callable
from math import inf

import torch

from fewshot_bench.hypergradients.vectors import dot, plus, scaled, zeros
from fewshot_bench.inner_optimizers.base import Params, check_range

Matvec = Callable[[Params], Params]
"""v -> H v."""

Solver = Callable[[Matvec, Params], Params]
"""(v -> H v, b) -> x with H x about b; all three shaped like the weights."""


def conjugate_gradients(iterations: int, *, damping: float = 0.0) -> Solver:
    """`iterations` steps of conjugate gradients on (H + damping I) x = b from x = 0 (Hestenes & Stiefel 1952).

    Exact after as many iterations as H has distinct eigenvalues. iMAML: 5 iterations (Rajeswaran et al. 2019).
    Returns the last iterate. From where the residual is rounding error x stands still: directions made of noise would
    otherwise grow where H is singular. A negative curvature is followed like a positive one.
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
