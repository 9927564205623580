"""What an implicit gradient is made of: direct and mixed parts, where it is taken, and how good it says it is."""

import pytest
import torch
from torch.func import grad

from fewshot_bench.hypergradients.batching import over_tasks
from fewshot_bench.hypergradients.implicit import implicit
from fewshot_bench.hypergradients.known_problems.base import errors
from fewshot_bench.hypergradients.known_problems.network import SHAPES, STRENGTH, Points, network
from fewshot_bench.hypergradients.known_problems.quadratic import quadratic
from fewshot_bench.hypergradients.problem import last_step_only, solve
from fewshot_bench.hypergradients.solvers import conjugate_gradients, dense, identity
from fewshot_bench.hypergradients.vectors import dot, norm, plus


def first(tasks):
    return type(tasks)(*(tensor[0] for tensor in tasks))


def test_strength_of_a_tie_gets_the_slope_of_solving_again():
    """Central differences of the loss at minima found by Newton's method, at strengths 1e-5 to both sides: 1e-9."""
    known, step = network(), 1e-5

    def value_at(log_strength, task):
        phi = {**known.phi, "log_strength": log_strength}
        return known.problem.outer(known.minimum(known.problem, phi, task), phi, task, 0)[0]

    at = known.phi["log_strength"]
    for i, task in enumerate(Points(*one) for one in zip(*known.tasks, strict=True)):
        slope = (value_at(at + step, task) - value_at(at - step, task)) / (2 * step)
        found = implicit(dense())(known.problem, known.phi, task).dphi["log_strength"]
        assert torch.allclose(found, slope, rtol=0, atol=1e-9)
        assert torch.allclose(found, known.dphi["log_strength"][i], rtol=1e-12)
        assert slope.abs() > 1e-3


def test_the_identity_gives_t1_t2_by_hand():
    """Luketina et al. 2016: -strength (w - start)' d_w outer for the log strength, and strength d_w outer for start."""
    known = network()
    task = first(known.tasks)
    found = implicit(identity(0.5))(known.problem, known.phi, task)
    w, _ = solve(known.problem, known.phi, task)
    slope = grad(lambda w: known.problem.outer(w, known.phi, task, 0)[0])(w)
    moved = plus(w, known.problem.init(known.phi, task), -1)
    assert torch.allclose(found.dphi["log_strength"], -0.5 * STRENGTH * dot(slope, moved), rtol=1e-12)
    for name in SHAPES:
        assert torch.allclose(found.dphi[f"start/{name}"], 0.5 * STRENGTH * slope[name], rtol=1e-12)


def test_metrics_say_how_far_from_the_minimum_and_from_the_solution():
    known = quadratic(2)
    task = first(known.tasks)
    found = implicit(conjugate_gradients(2, damping=0.3))(known.problem, known.phi, task)
    w, _ = solve(known.problem, known.phi, task)
    assert torch.allclose(found.metrics["inner_residual"], norm(grad(known.problem.inner)(w, known.phi, task, 1)))

    A = task.rotation @ torch.diag(known.phi["log_curvature"].exp()) @ task.rotation.mT
    b = w["w"] - task.goal
    x = conjugate_gradients(2, damping=0.3)(lambda v: {"w": A @ v["w"]}, {"w": b})["w"]
    assert torch.allclose(found.metrics["solver_residual"], (A @ x - b).norm() / b.norm())
    assert found.metrics["inner_residual"] > 0.01
    assert found.metrics["solver_residual"] > 0.01
    assert found.metrics["inner_residual"].shape == found.metrics["solver_residual"].shape == ()


def test_nothing_to_solve_is_solved():
    """The goal is where adaptation ends, so the outer gradient is zero, and only the direct part is left."""
    known = quadratic(80)
    task = first(known.tasks)
    task = task._replace(goal=solve(known.problem, known.phi, task)[0]["w"])
    for solver in (conjugate_gradients(3), dense(), identity()):
        found = implicit(solver)(known.problem, known.phi, task)
        assert found.metrics["solver_residual"] == 0
        assert torch.equal(found.dphi["source"], known.phi["source"])
        assert torch.equal(found.dphi["log_curvature"], torch.zeros_like(found.dphi["log_curvature"]))


def test_given_weights_are_taken_for_constants_and_need_no_steps():
    known = quadratic(80)
    walk = known.problem._replace(steps=0, step_weights=last_step_only(0))
    found = over_tasks(lambda task: implicit(dense(), warm=known.minimum)(walk, known.phi, task), 3)(known.tasks)
    assert max(errors(found.dphi, known.dphi).values()) < 1e-12


def test_losses_are_those_of_the_last_step():
    """Both may depend on t: here they grow with it, by factors 1 and 2 after step 0, 3 and 5 after step 2."""
    known = quadratic(3)
    task = first(known.tasks)
    timed = known.problem._replace(
        inner=lambda w, phi, task, t: (1 + t) * known.problem.inner(w, phi, task, t),
        outer=lambda w, phi, task, t: ((1 + 2 * t) * known.problem.outer(w, phi, task, t)[0], w),
    )
    found = implicit(identity(), warm=known.minimum)(timed, known.phi, task)
    plain = implicit(identity(), warm=known.minimum)(known.problem, known.phi, task)
    source = 5 * known.phi["source"] + 15 * (plain.dphi["source"] - known.phi["source"])
    assert torch.allclose(found.dphi["source"], source, rtol=1e-12)
    assert torch.allclose(found.dphi["log_curvature"], 15 * plain.dphi["log_curvature"], rtol=1e-12)


def test_in_float32_nothing_turns_into_float64():
    known = network()
    task = Points(*(tensor[0].float() if tensor.is_floating_point() else tensor[0] for tensor in known.tasks))
    phi = {name: tensor.float() for name, tensor in known.phi.items()}
    found = implicit(conjugate_gradients(27))(known.problem, phi, task)
    assert all(tensor.dtype == torch.float32 for tensor in (*found.dphi.values(), *found.metrics.values(), found.value))
    expected = {name: tensor[0] for name, tensor in known.dphi.items()}
    assert max(errors({name: tensor.double() for name, tensor in found.dphi.items()}, expected).values()) < 1e-5


def test_losses_before_the_last_are_refused():
    known = quadratic(2)
    with pytest.raises(ValueError, match="the last step alone"):
        implicit(dense())(known.problem._replace(step_weights=(0.5, 0.5)), known.phi, first(known.tasks))
