"""Reptile's direction: its formula, and the one case in which it is a gradient."""

import pytest
import torch

from fewshot_bench.hypergradients.batching import over_tasks
from fewshot_bench.hypergradients.displacement import displacement
from fewshot_bench.hypergradients.implicit import implicit
from fewshot_bench.hypergradients.known_problems.base import errors
from fewshot_bench.hypergradients.known_problems.network import SHAPES, STRENGTH, network
from fewshot_bench.hypergradients.known_problems.quadratic import Quadratic, quadratic
from fewshot_bench.hypergradients.solvers import dense
from fewshot_bench.hypergradients.unrolled import unrolled


@pytest.mark.parametrize("scale", [1.0, 0.25])
def test_it_is_start_less_end_in_closed_form(scale):
    """After K steps, (I - q^K)(start - minimum) along each eigenvector; the value is the outer loss there."""
    known = quadratic(5)
    found = over_tasks(lambda task: displacement(scale)(known.problem, known.phi, task), 1)(known.tasks)
    q = 1 - known.phi["lr"] * known.phi["log_curvature"].exp()
    for i, task in enumerate(Quadratic(*one) for one in zip(*known.tasks, strict=True)):
        away = known.phi["start"] - known.minimum(known.problem, known.phi, task)["w"]
        expected = task.rotation @ ((1 - q**5) * (task.rotation.mT @ away))
        assert torch.allclose(found.dphi["start"][i], scale * expected, rtol=1e-12)
    assert torch.allclose(found.value, known.value, rtol=1e-12)
    for name in ("source", "log_curvature", "lr"):
        assert torch.equal(found.dphi[name], torch.zeros_like(found.dphi[name]))


def test_it_is_pulled_back_through_where_the_start_comes_from():
    """start = 3 * phi: three times the displacement."""
    known = quadratic(5)
    tripled = known.problem._replace(init=lambda phi, task: {"w": 3 * phi["start"]})
    plain = known.problem._replace(init=lambda phi, task: {"w": phi["start"]})
    third = {**known.phi, "start": known.phi["start"] / 3}
    found = over_tasks(lambda task: displacement()(tripled, third, task), 1)(known.tasks)
    expected = over_tasks(lambda task: displacement()(plain, known.phi, task), 1)(known.tasks)
    assert torch.allclose(found.dphi["start"], 3 * expected.dphi["start"], rtol=1e-12)


def test_with_the_inner_objective_outside_it_is_the_gradient_of_the_moreau_envelope():
    """min over w of f(w) + strength / 2 |w - start|^2 has the gradient strength (start - w*), of any smooth f."""
    known = network()
    envelope = known.problem._replace(outer=lambda w, phi, task, t: (known.problem.inner(w, phi, task, t), w))

    def start_of(estimator):
        found = over_tasks(lambda task: estimator(envelope, known.phi, task), 2)(known.tasks)
        return {name: found.dphi[f"start/{name}"] for name in SHAPES}

    def expected_of(task):
        w = known.minimum(known.problem, known.phi, task)
        return {name: STRENGTH * (known.phi[f"start/{name}"] - w[name]) for name in SHAPES}

    expected = over_tasks(expected_of, 2)(known.tasks)
    for estimator in (displacement(STRENGTH), implicit(dense()), unrolled()):
        assert max(errors(start_of(estimator), expected).values()) < 1e-12


def test_on_other_points_it_is_no_gradient():
    known = network()
    found = over_tasks(lambda task: displacement(STRENGTH)(known.problem, known.phi, task), 2)(known.tasks)
    assert max(errors(found.dphi, known.dphi).values()) > 0.1


def test_losses_before_the_last_are_refused():
    known = quadratic(2)
    task = Quadratic(*(tensor[0] for tensor in known.tasks))
    with pytest.raises(ValueError, match="the last step alone"):
        displacement()(known.problem._replace(step_weights=(0.5, 0.5)), known.phi, task)
