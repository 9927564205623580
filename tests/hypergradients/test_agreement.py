"""The gate: every exact estimator gives the known answer, task by task and vmapped, and approximations are told apart.

1e-12, relative, for what is exact: measured at most 2e-15, and a wrong term is some percent.
"""

import pytest
import torch
from torch.utils._pytree import tree_leaves

from fewshot_bench.hypergradients.batching import over_tasks
from fewshot_bench.hypergradients.displacement import displacement
from fewshot_bench.hypergradients.finite_differences import finite_differences
from fewshot_bench.hypergradients.forward_mode import forward_mode
from fewshot_bench.hypergradients.implicit import implicit
from fewshot_bench.hypergradients.known_problems import KNOWN_PROBLEMS
from fewshot_bench.hypergradients.known_problems.base import Known, errors
from fewshot_bench.hypergradients.known_problems.network import Points
from fewshot_bench.hypergradients.problem import Estimate, Estimator, last_step_only
from fewshot_bench.hypergradients.recomputed import recomputed
from fewshot_bench.hypergradients.solvers import conjugate_gradients, dense, identity, neumann, nystrom
from fewshot_bench.hypergradients.unrolled import unrolled
from fewshot_bench.hypergradients.vectors import constant, norm, plus

CONVERGED = {"quadratic, to the minimum": 0.8, "ridge, leave one out": 0.0165, "small network": 0.37}
"""Known problem -> its learning rate, which the Neumann series needs."""

THROUGH_STEPS = {
    "unrolled": unrolled(),
    "unrolled through all steps by number": unrolled(last=100),
    "recomputed": recomputed(),
    "forward mode": forward_mode(),
}
EXACT_SOLVERS = {
    "conjugate gradients": lambda lr: conjugate_gradients(27),
    "neumann": lambda lr: neumann(200, alpha=lr),
    "dense": lambda lr: dense(),
}
EVERY = {
    **THROUGH_STEPS,
    "first-order": unrolled(first_order=True),
    "truncated": unrolled(last=2),
    "displacement": displacement(),
    "implicit, conjugate gradients": implicit(conjugate_gradients(5)),
    "implicit, neumann": implicit(neumann(5, alpha=0.02)),
    "implicit, nystrom": implicit(nystrom(3, rho=0.1)),
    "implicit, identity": implicit(identity()),
    "implicit, dense": implicit(dense()),
}


def run(estimator: Estimator, known: Known, at_once: int = 30) -> Estimate:
    return over_tasks(lambda task: estimator(known.problem, known.phi, task), at_once)(known.tasks)


def worst(found: Estimate, known: Known) -> float:
    return max(errors(found.dphi, known.dphi).values())


@pytest.mark.parametrize("estimator", THROUGH_STEPS)
@pytest.mark.parametrize("name", KNOWN_PROBLEMS)
def test_going_through_the_steps_is_exact(name, estimator):
    known = KNOWN_PROBLEMS[name]()
    found = run(THROUGH_STEPS[estimator], known)
    assert torch.allclose(found.value, known.value, rtol=1e-12)
    assert worst(found, known) < 1e-12
    assert found.metrics == {}


@pytest.mark.parametrize("where", ["inner steps", "minimum given"])
@pytest.mark.parametrize("solver", EXACT_SOLVERS)
@pytest.mark.parametrize("name", CONVERGED)
def test_implicit_gradients_are_exact_at_the_minimum(name, solver, where):
    known = KNOWN_PROBLEMS[name]()
    warm = known.minimum if where == "minimum given" else None
    found = run(implicit(EXACT_SOLVERS[solver](CONVERGED[name]), warm=warm), known)
    assert torch.allclose(found.value, known.value, rtol=1e-12)
    assert worst(found, known) < 1e-12
    assert found.metrics["inner_residual"].max() < 1e-12
    assert found.metrics["solver_residual"].max() < 1e-12


def test_ridge_by_thirty_implicit_gradients_is_the_slope_of_press():
    known = KNOWN_PROBLEMS["ridge, leave one out"]()
    found = run(implicit(conjugate_gradients(4)), known).dphi["log_decay"].sum()
    assert torch.allclose(found, known.dphi["log_decay"].sum(), rtol=1e-12)


@pytest.mark.parametrize("name", CONVERGED)
def test_nystrom_with_all_columns_differs_from_exact_by_rho(name):
    """H + rho I in place of H: off by about rho / (smallest eigenvalue), 1e-6 / 0.5 where that is smallest."""
    known = KNOWN_PROBLEMS[name]()
    assert 1e-8 < worst(run(implicit(nystrom(27, rho=1e-6)), known), known) < 4e-6


def test_approximations_are_told_apart():
    """Each of them is off by what it leaves out: the tests above would see an estimator that is one of these."""
    quadratic, five = KNOWN_PROBLEMS["quadratic, to the minimum"](), KNOWN_PROBLEMS["quadratic, 5 steps"]()
    assert worst(run(implicit(identity(0.8)), quadratic), quadratic) > 0.5
    assert worst(run(implicit(conjugate_gradients(2)), quadratic), quadratic) > 0.01
    assert worst(run(implicit(neumann(5, alpha=0.8)), quadratic), quadratic) > 0.01
    assert worst(run(unrolled(first_order=True), five), five) > 0.5
    assert worst(run(unrolled(last=4), five), five) > 0.01
    assert worst(run(implicit(dense()), five), five) > 0.1
    assert worst(run(displacement(), five), five) > 0.5


def test_five_conjugate_gradients_are_nearly_enough_for_the_small_network():
    """27 weights, but eigenvalues within a factor of two: measured 2.5e-5, which solver_residual, 1.3e-5, tells."""
    known = KNOWN_PROBLEMS["small network"]()
    found = run(implicit(conjugate_gradients(5)), known)
    assert 1e-6 < worst(found, known) < 5e-5
    assert 1e-6 < found.metrics["solver_residual"].max() < 5e-5


@pytest.mark.parametrize("steps", [1, 2, 20])
@pytest.mark.parametrize("name", ["quadratic, to the minimum", "small network"])
def test_steps_unrolled_from_the_minimum_are_terms_of_the_neumann_series(name, steps):
    """There K steps of gradient descent stand still, with the derivative alpha sum over j < K of (I - alpha H)^j."""
    known = KNOWN_PROBLEMS[name]()
    still = known.problem._replace(
        init=lambda phi, task: known.minimum(known.problem, constant(phi), task),
        steps=steps,
        step_weights=last_step_only(steps),
    )
    walked = run(unrolled(), known._replace(problem=still))
    series = run(implicit(neumann(steps, alpha=CONVERGED[name])), known._replace(problem=still))
    assert max(errors(walked.dphi, series.dphi).values()) < 1e-14
    assert max(errors(walked.dphi, known.dphi).values()) > (0.01 if steps < 3 else 0)


@pytest.mark.parametrize("estimator", EVERY)
@pytest.mark.parametrize("name", ["quadratic, 5 steps", "small network"])
def test_vmap_equals_a_loop(name, estimator):
    """Two tasks in one program, and the quadratic's third in another."""
    known = KNOWN_PROBLEMS[name]()
    known = known._replace(problem=known.problem._replace(steps=4, step_weights=last_step_only(4)))
    loop, batched = run(EVERY[estimator], known, 1), run(EVERY[estimator], known, 2)
    assert max(errors(batched.dphi, loop.dphi).values()) < 1e-12
    assert torch.allclose(batched.value, loop.value, rtol=1e-12)
    assert torch.allclose(batched.aux, loop.aux, rtol=1e-12)
    for key, metric in loop.metrics.items():
        assert torch.allclose(batched.metrics[key], metric, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("estimator", [name for name in EVERY if name != "forward mode"])
def test_float32_stays_float32(estimator):
    """And is off by its rounding: 1e-5 of the whole, where 6e-8 is one operation's."""
    exact = KNOWN_PROBLEMS["small network"]()
    exact = exact._replace(problem=exact.problem._replace(steps=4, step_weights=last_step_only(4)))
    phi = {name: tensor.float() for name, tensor in exact.phi.items()}
    tasks = Points(*(tensor.float() if tensor.is_floating_point() else tensor for tensor in exact.tasks))
    found, expected = run(EVERY[estimator], exact._replace(phi=phi, tasks=tasks), 2), run(EVERY[estimator], exact, 2)
    assert all(tensor.dtype == torch.float32 for tensor in tree_leaves(found))
    missed = plus({name: tensor.double() for name, tensor in found.dphi.items()}, expected.dphi, -1)
    assert norm(missed) < 1e-5 * norm(expected.dphi)


def test_vmap_equals_a_loop_for_finite_differences():
    """But for rounding of the value, 26 * 1e-16, divided by twice the step: 1e-9 and less."""
    known = KNOWN_PROBLEMS["quadratic, 5 steps"]()
    loop, batched = run(finite_differences(), known, 1), run(finite_differences(), known, 3)
    for name, tensor in loop.dphi.items():
        assert torch.allclose(batched.dphi[name], tensor, rtol=0, atol=2e-9)
