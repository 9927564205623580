"""The known answers themselves, against computations that share nothing with the formulas."""

import numpy as np
import pytest
import torch

from fewshot_bench.hypergradients.batching import over_tasks
from fewshot_bench.hypergradients.finite_differences import finite_differences
from fewshot_bench.hypergradients.known_problems import KNOWN_PROBLEMS
from fewshot_bench.hypergradients.known_problems.base import errors
from fewshot_bench.hypergradients.known_problems.few_steps import few_steps
from fewshot_bench.hypergradients.known_problems.ridge import ridge_leave_one_out
from fewshot_bench.hypergradients.problem import solve
from fewshot_bench.inner_optimizers.adam import adam

CONVERGED = [name for name, make in KNOWN_PROBLEMS.items() if make().converged]


@pytest.mark.parametrize("name", KNOWN_PROBLEMS)
def test_central_differences_agree(name):
    """To 1e-7, for the step of 6e-6 divides rounding of the value, and its square multiplies third derivatives."""
    known = KNOWN_PROBLEMS[name]()
    found = over_tasks(lambda task: finite_differences()(known.problem, known.phi, task), 30)(known.tasks)
    assert torch.allclose(found.value, known.value, rtol=1e-12)
    assert max(errors(found.dphi, known.dphi).values()) < 1e-7


def test_central_differences_agree_with_forward_mode_on_a_few_steps_of_adam():
    known = few_steps(adam())
    found = over_tasks(lambda task: finite_differences()(known.problem, known.phi, task), 2)(known.tasks)
    assert max(errors(found.dphi, known.dphi).values()) < 1e-6


@pytest.mark.parametrize("name", CONVERGED)
def test_the_minimum_has_no_slope_and_the_inner_steps_end_there(name):
    known = KNOWN_PROBLEMS[name]()

    def at_minimum(task):
        w = known.minimum(known.problem, known.phi, task)
        return w, torch.func.grad(known.problem.inner)(w, known.phi, task, 0)

    minimum, slope = over_tasks(at_minimum, 30)(known.tasks)
    ends, _ = over_tasks(lambda task: solve(known.problem, known.phi, task), 30)(known.tasks)
    for key, w in minimum.items():
        assert slope[key].abs().max() < 1e-13
        assert torch.allclose(ends[key], w, rtol=0, atol=1e-14)


def test_the_quadratic_of_five_steps_is_far_from_its_minimum():
    """So that it tells estimates of the walk from estimates of its end."""
    five, minimum = KNOWN_PROBLEMS["quadratic, 5 steps"](), KNOWN_PROBLEMS["quadratic, to the minimum"]()
    assert min(errors(minimum.dphi, five.dphi)[name] for name in ("start", "source", "log_curvature", "lr")) > 0.1


def test_ridge_is_press_by_thirty_fits_in_numpy():
    known = ridge_leave_one_out()
    x, y = known.tasks.x[0].numpy(), known.tasks.y[0].numpy()

    def press(log_decay: float) -> np.ndarray:
        """Squared miss of each example by a fit of the others: least squares, the penalty as four more examples."""
        misses = []
        for i in range(len(x)):
            rows = np.vstack([np.delete(x, i, 0), np.exp(log_decay / 2) * np.eye(x.shape[1])])
            w = np.linalg.lstsq(rows, np.append(np.delete(y, i), np.zeros(x.shape[1])), rcond=None)[0]
            misses.append(x[i] @ w - y[i])
        return np.square(misses)

    at, step = float(known.phi["log_decay"]), 1e-5
    np.testing.assert_allclose(known.value, press(at), rtol=1e-12)
    slope = (press(at + step) - press(at - step)) / (2 * step)
    np.testing.assert_allclose(known.dphi["log_decay"], slope, rtol=0, atol=1e-8 * np.abs(slope).max())
