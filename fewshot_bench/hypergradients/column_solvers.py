"""Solvers of H x = b that look at columns of H: a few of them (Nystrom), or all (dense)."""

import random
from math import inf

import torch
from torch import Tensor
from torch.func import vmap

from fewshot_bench.hypergradients.solvers import Matvec, Solver
from fewshot_bench.hypergradients.vectors import row, shaped
from fewshot_bench.inner_optimizers.base import Params, check_range


def dense() -> Solver:
    """x = H^-1 b with the whole of H in memory: exact, for problems of up to some thousand weights.

    Raises torch's LinAlgError for a singular H.
    """

    def solver(matvec: Matvec, rhs: Params) -> Params:
        elements = row(rhs)
        matrix = _columns(matvec, rhs, list(range(len(elements))))
        return shaped(torch.linalg.solve(matrix, elements), rhs)

    return solver


def nystrom(rank: int, *, rho: float, seed: int = 0) -> Solver:
    """x = (C W^-1 C' + rho I)^-1 b, with C = H[:, K] and W = H[K, K] (Hataya & Yamada 2023, by Woodbury's identity).

    K: `rank` of the weights' elements (all of them where there are fewer), drawn uniformly without replacement from
    `seed`: the same at every call and in every task, so that an estimate is a function of its arguments. The paper
    draws them anew each time. With all columns x is (H + rho I)^-1 b.
    rho: positive. What the columns do not reach counts as having curvature rho, so x is b / rho there.
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
        # The pseudo-inverse: where `small` is singular, C is zero along the same vectors.
        correction = C @ (torch.linalg.pinv(small, hermitian=True) @ (C.T @ elements))
        return shaped((elements - correction) / rho, rhs)

    return solver


def _columns(matvec: Matvec, like: Params, which: list[int]) -> Tensor:
    """H[:, which], [elements, len(which)]."""
    example = row(like)
    everywhere = torch.arange(len(example), device=example.device)
    units = (torch.tensor(which, device=example.device)[:, None] == everywhere).to(example.dtype)
    return vmap(lambda unit: row(matvec(shaped(unit, like))), out_dims=1)(units)
