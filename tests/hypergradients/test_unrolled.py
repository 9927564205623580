"""Losses along the way, truncation and first order, against derivatives written by hand; and faults."""

import pytest
import torch

from fewshot_bench.hypergradients.batching import over_tasks
from fewshot_bench.hypergradients.forward_mode import forward_mode
from fewshot_bench.hypergradients.known_problems.base import errors
from fewshot_bench.hypergradients.known_problems.quadratic import Quadratic, quadratic
from fewshot_bench.hypergradients.problem import Estimate, solve
from fewshot_bench.hypergradients.recomputed import recomputed
from fewshot_bench.hypergradients.unrolled import unrolled
from fewshot_bench.hypergradients.vectors import scaled

EXACT = {"unrolled": unrolled(), "recomputed": recomputed(), "forward mode": forward_mode()}


def run(estimator, problem, known) -> Estimate:
    return over_tasks(lambda task: estimator(problem, known.phi, task), 3)(known.tasks)


def by_hand(known, of_one):
    """`of_one(phi, task)` -> a gradient, over the tasks."""
    answers = [of_one(known.phi, Quadratic(*one)) for one in zip(*known.tasks, strict=True)]
    return {name: torch.stack([answer[name] for answer in answers]) for name in known.phi}


def end(known, steps, phi, task):
    return solve(known.problem._replace(steps=steps), phi, task)[0]["w"]


def slope(w, phi, task):
    """d inner / d w of the quadratic."""
    A = task.rotation @ torch.diag(phi["log_curvature"].exp()) @ task.rotation.mT
    return A @ w - task.mixing @ phi["source"]


@pytest.mark.parametrize("estimator", EXACT)
def test_losses_after_every_step_add_up(estimator):
    """Each is the last loss of a shorter walk, whose gradient is known."""
    weights = (0.1, 0.0, 0.4, 0.5)
    known, parts = quadratic(4), [quadratic(steps) for steps in (1, 2, 3, 4)]
    expected = {name: sum(w * part.dphi[name] for w, part in zip(weights, parts, strict=True)) for name in known.phi}
    found = run(EXACT[estimator], known.problem._replace(step_weights=weights), known)
    assert max(errors(found.dphi, expected).values()) < 1e-12
    value = sum(w * part.value for w, part in zip(weights, parts, strict=True))
    assert torch.allclose(found.value, value, rtol=1e-12)


@pytest.mark.parametrize("estimator", EXACT)
def test_aux_is_of_the_last_loss_that_counts(estimator):
    known = quadratic(4)
    for weights, last in (((0.5, 0.5, 0.0, 0.0), 2), ((0.0, 0.0, 0.0, 1.0), 4)):
        found = run(EXACT[estimator], known.problem._replace(step_weights=weights), known)
        expected = [end(known, last, known.phi, Quadratic(*one)) for one in zip(*known.tasks, strict=True)]
        assert torch.allclose(found.aux, torch.stack(expected), rtol=1e-12)


@pytest.mark.parametrize("estimator", EXACT)
def test_without_a_step_it_is_the_loss_of_the_start(estimator):
    known = quadratic(0)
    found = run(EXACT[estimator], known.problem, known)
    assert max(errors(found.dphi, known.dphi).values()) < 1e-12
    assert torch.allclose(found.value, known.value, rtol=1e-12)
    assert torch.equal(found.dphi["start"], known.phi["start"] - known.tasks.goal)


@pytest.mark.parametrize("last", [5, 6, 100])
def test_truncated_beyond_the_start_is_exact(last):
    known = quadratic(5)
    assert max(errors(run(unrolled(last=last), known.problem, known).dphi, known.dphi).values()) < 1e-12


def last_step_alone(known):
    """w_5 = w_4 - lr (A w_4 - B source), with w_4 a constant."""

    def of_one(phi, task):
        w = end(known, 4, phi, task)
        error = w - phi["lr"] * slope(w, phi, task) - task.goal
        along = (task.rotation.mT @ w) * (task.rotation.mT @ error)
        return {
            "start": torch.zeros_like(phi["start"]),
            "source": phi["lr"] * task.mixing.mT @ error + phi["source"],
            "log_curvature": -phi["lr"] * phi["log_curvature"].exp() * along,
            "lr": -slope(w, phi, task) @ error,
        }

    return by_hand(known, of_one)


def test_truncated_to_one_step_is_that_step():
    known = quadratic(5)
    found = run(unrolled(last=1), known.problem, known)
    assert max(errors(found.dphi, last_step_alone(known)).values()) < 1e-12
    assert torch.allclose(found.value, known.value, rtol=1e-12)


def test_losses_before_the_truncation_count_by_what_they_see_of_phi_themselves():
    """Here, source: 1/2 |source|^2 stands in the outer loss."""
    known = quadratic(5)
    found = run(unrolled(last=1), known.problem._replace(step_weights=(0.0, 0.3, 0.0, 0.0, 0.7)), known)
    expected = scaled(last_step_alone(known), 0.7)
    expected["source"] = expected["source"] + 0.3 * known.phi["source"]
    assert max(errors(found.dphi, expected).values()) < 1e-12


def test_first_order_takes_inner_gradients_for_constants():
    """w_5 = start - lr * sum of slopes, of which start and lr alone are looked at."""
    known = quadratic(5)

    def of_one(phi, task):
        error = end(known, 5, phi, task) - task.goal
        slopes = sum(slope(end(known, t, phi, task), phi, task) for t in range(5))
        return {
            "start": error,
            "source": phi["source"],
            "log_curvature": torch.zeros_like(phi["log_curvature"]),
            "lr": -slopes @ error,
        }

    found = run(unrolled(first_order=True), known.problem, known)
    assert max(errors(found.dphi, by_hand(known, of_one)).values()) < 1e-12


@pytest.mark.parametrize("estimator", EXACT)
@pytest.mark.parametrize("weights", [(1.0,), (0.0, 0.0, 0.0, 0.0), (0.0,) * 4 + (1.0,)])
def test_weights_that_fit_no_walk_of_four_steps_are_refused(estimator, weights):
    known = quadratic(4)
    with pytest.raises(ValueError, match="step_weights"):
        run(EXACT[estimator], known.problem._replace(step_weights=weights), known)


def test_truncation_to_nothing_is_refused():
    with pytest.raises(ValueError, match="`last` is 0"):
        unrolled(last=0)
