"""Linear solvers against torch.linalg, scipy and formulas written with whole matrices."""

import random

import numpy as np
import pytest
import scipy.sparse.linalg
import torch
from torch.func import vmap

from fewshot_bench.hypergradients.solvers import conjugate_gradients, dense, identity, neumann, nystrom
from fewshot_bench.hypergradients.vectors import row, shaped

N = 7
EYE = torch.eye(N, dtype=torch.float64)
EVERY = {
    "conjugate gradients": conjugate_gradients(4, damping=0.1),
    "neumann": neumann(4, alpha=0.1),
    "nystrom": nystrom(3, rho=0.1),
    "identity": identity(0.5),
    "dense": dense(),
}


def matrices(count: int = 1, rank: int = N):
    """Symmetric [count, 7, 7] with `rank` eigenvalues from 0.5 to 8, the others zero; right-hand sides [count, 7]."""
    generator = torch.Generator().manual_seed(5)
    Q = torch.linalg.qr(torch.randn(count, N, N, dtype=torch.float64, generator=generator)).Q
    eigenvalues = torch.cat(
        [torch.linspace(0.5, 8, rank, dtype=torch.float64), torch.zeros(N - rank, dtype=torch.float64)]
    )
    return Q @ torch.diag(eigenvalues) @ Q.mT, torch.randn(count, N, dtype=torch.float64, generator=generator)


LIKE = {"a": torch.zeros(2, 2), "b": torch.zeros(()), "c": torch.zeros(2)}


def solution(solver, A, b):
    """x as a vector, through products with dicts of differently shaped tensors."""
    like = {name: tensor.to(b.dtype) for name, tensor in LIKE.items()}
    return row(solver(lambda v: shaped(A @ row(v), like), shaped(b, like)))


def test_dense_is_the_solution():
    (A,), (b,) = matrices()
    assert torch.allclose(solution(dense(), A, b), torch.linalg.solve(A, b), rtol=1e-12)


@pytest.mark.parametrize("iterations", [1, 2, 3, 5])
def test_conjugate_gradients_are_at_every_iteration_where_those_of_scipy_are(iterations):
    (A,), (b,) = matrices()
    theirs, _ = scipy.sparse.linalg.cg(A.numpy(), b.numpy(), maxiter=iterations, rtol=0)
    np.testing.assert_allclose(solution(conjugate_gradients(iterations), A, b), theirs, rtol=1e-11)


def test_conjugate_gradients_solve_after_as_many_iterations_as_there_are_weights():
    (A,), (b,) = matrices()
    exact = torch.linalg.solve(A, b)
    assert torch.allclose(solution(conjugate_gradients(N), A, b), exact, rtol=0, atol=1e-12)
    assert not torch.allclose(solution(conjugate_gradients(N - 2), A, b), exact, rtol=0, atol=1e-3)
    damped = torch.linalg.solve(A + 0.3 * EYE, b)
    assert torch.allclose(solution(conjugate_gradients(N, damping=0.3), A, b), damped, rtol=0, atol=1e-12)


@pytest.mark.parametrize("iterations", [1, 2, 50])
def test_conjugate_gradients_return_the_last_iterate(iterations):
    """For a multiple of the identity the first iterate is the answer; the one before it is zero."""
    _, (b,) = matrices()
    found = solution(conjugate_gradients(iterations), 2 * EYE, b)
    assert torch.allclose(found, b / 2, rtol=1e-15)


@pytest.mark.parametrize("iterations", [4, 10, 300])
def test_conjugate_gradients_stand_still_where_a_singular_system_is_solved(iterations):
    """Rank 4: after 4 iterations it is the solution of least length, and rounding has directions without curvature."""
    (A,), (b,) = matrices(rank=4)
    found = solution(conjugate_gradients(iterations), A, A @ b)
    assert torch.allclose(found, torch.linalg.pinv(A, hermitian=True) @ (A @ b), rtol=0, atol=1e-12)


def test_conjugate_gradients_stop_at_a_direction_without_curvature():
    found = solution(conjugate_gradients(3), torch.zeros(N, N, dtype=torch.float64), torch.ones(N, dtype=torch.float64))
    assert torch.equal(found, torch.zeros(N, dtype=torch.float64))


@pytest.mark.parametrize("terms", [1, 2, 6])
def test_neumann_is_its_sum_from_zero(terms):
    (A,), (b,) = matrices()
    powers = [torch.linalg.matrix_power(EYE - 0.2 * A, j) for j in range(terms)]
    assert torch.allclose(solution(neumann(terms, alpha=0.2), A, b), 0.2 * sum(powers) @ b, rtol=1e-12)


def test_neumann_converges_below_two_over_the_largest_eigenvalue_and_not_above():
    (A,), (b,) = matrices()
    exact = torch.linalg.solve(A, b)
    assert torch.allclose(solution(neumann(500, alpha=0.2), A, b), exact, rtol=0, atol=1e-12)
    assert solution(neumann(500, alpha=0.27), A, b).norm() > 1e10


def test_one_term_of_the_series_is_the_scaled_identity():
    (A,), (b,) = matrices()
    assert torch.equal(solution(identity(0.3), A, b), 0.3 * b)
    assert torch.equal(solution(neumann(1, alpha=0.3), A, b), 0.3 * b)


def test_nystrom_inverts_the_approximation_from_its_columns():
    """(H[:, K] H[K, K]^-1 H[K, :] + rho I)^-1 b as written; K as drawn from the seed."""
    (A,), (b,) = matrices()
    K = sorted(random.Random(3).sample(range(N), 4))
    C = A[:, K]
    low_rank = C @ torch.linalg.inv(C[K]) @ C.T
    expected = torch.linalg.solve(low_rank + 0.1 * EYE, b)
    assert torch.allclose(solution(nystrom(4, rho=0.1, seed=3), A, b), expected, rtol=0, atol=1e-11)
    assert not torch.allclose(solution(nystrom(4, rho=0.1, seed=4), A, b), expected, rtol=0, atol=1e-3)


@pytest.mark.parametrize("rank", [N, N + 5])
def test_nystrom_with_all_columns_is_damped_and_exact(rank):
    (A,), (b,) = matrices()
    expected = torch.linalg.solve(A + 0.1 * EYE, b)
    assert torch.allclose(solution(nystrom(rank, rho=0.1), A, b), expected, rtol=0, atol=1e-11)


def test_nystrom_takes_columns_that_depend_on_each_other():
    """Rank 3 and all columns; and a weight that nothing depends on, as behind a dead ReLU."""
    (A,), (b,) = matrices(rank=3)
    expected = torch.linalg.solve(A + 0.1 * EYE, b)
    assert torch.allclose(solution(nystrom(N, rho=0.1), A, b), expected, rtol=0, atol=1e-11)
    dead = torch.ones(N, dtype=torch.float64)
    dead[2] = 0
    A = dead[:, None] * A * dead
    expected = torch.linalg.solve(A + 0.1 * EYE, b)
    assert torch.allclose(solution(nystrom(N, rho=0.1), A, b), expected, rtol=0, atol=1e-11)


@pytest.mark.parametrize("name", EVERY)
def test_vmap_equals_a_loop(name):
    A, b = matrices(3)
    batched = vmap(lambda A, b: solution(EVERY[name], A, b))(A, b)
    for i in range(3):
        assert torch.allclose(batched[i], solution(EVERY[name], A[i], b[i]), rtol=1e-12)


@pytest.mark.parametrize("name", EVERY)
def test_zero_gives_zero_and_nan_is_not_hidden(name):
    (A,), (b,) = matrices()
    assert torch.equal(solution(EVERY[name], A, torch.zeros_like(b)), torch.zeros_like(b))
    b[1] = torch.nan
    assert solution(EVERY[name], A, b).isnan().any()


@pytest.mark.parametrize("name", EVERY)
def test_float32_stays_float32(name):
    (A,), (b,) = matrices()
    found = solution(EVERY[name], A.float(), b.float())
    assert found.dtype == torch.float32
    assert torch.allclose(found.double(), solution(EVERY[name], A, b), rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: conjugate_gradients(0), "iterations"),
        (lambda: conjugate_gradients(5, damping=-1.0), "damping"),
        (lambda: neumann(0, alpha=0.1), "terms"),
        (lambda: neumann(5, alpha=-0.1), "alpha"),
        (lambda: nystrom(0, rho=0.1), "rank"),
        (lambda: nystrom(5, rho=0.0), "rho"),
    ],
)
def test_options_out_of_range_are_named(make, name):
    with pytest.raises(ValueError, match=f"`{name}`"):
        make()
