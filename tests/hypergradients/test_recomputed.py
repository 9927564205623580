"""What recomputing is for (memory), and what it has to cope with (integers, losses along the way)."""

import pytest
import torch
from torch.utils._pytree import tree_leaves

from fewshot_bench.hypergradients.batching import over_tasks
from fewshot_bench.hypergradients.known_problems.base import errors
from fewshot_bench.hypergradients.known_problems.few_steps import few_step_problem, few_steps
from fewshot_bench.hypergradients.known_problems.network import SHAPES, Points
from fewshot_bench.hypergradients.known_problems.quadratic import quadratic
from fewshot_bench.hypergradients.recomputed import recomputed
from fewshot_bench.hypergradients.unrolled import unrolled
from fewshot_bench.inner_optimizers.adam import adam
from fewshot_bench.inner_optimizers.base import InnerOptimizer
from tests.memory import peak


def growth(estimator) -> int:
    """Bytes by which the peak grows with each step of Adam, on 1000 points: activations are large, weights are 27."""
    x = torch.randn(1000, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    task = Points(x, (x[:, 0] > 0).long(), x, (x[:, 1] > 0).long())
    peaks = []
    for steps in (2, 4):
        problem, phi, _ = few_step_problem(adam(), steps=steps)
        peaks.append(peak(lambda problem=problem, phi=phi: estimator(problem, phi, task)))
    return (peaks[1] - peaks[0]) // 2


def test_a_step_costs_the_memory_of_its_weights_and_state():
    """Float64: 27 weights, as many first and second moments, and 4 counts; unrolled, the activations of 1000 points."""
    assert growth(recomputed()) == 8 * (27 * 3 + len(SHAPES))
    assert growth(unrolled()) > 8 * 1000 * 10


def test_no_history_comes_out_even_where_phi_asks_for_gradients():
    known = quadratic(3)
    phi = {name: tensor.clone().requires_grad_() for name, tensor in known.phi.items()}
    task = type(known.tasks)(*(tensor[0] for tensor in known.tasks))
    found = recomputed()(known.problem, phi, task)
    assert not any(tensor.requires_grad for tensor in tree_leaves(found))


def counting_in_integers() -> InnerOptimizer:
    """p <- p - lr / (1 + steps) * (g + half of the last g): a state of integers beside one of floats."""

    def step(params, grads, state, hyper):
        new = {
            name: p - hyper["lr"][name] / (1 + state["steps"][name]) * (grads[name] + 0.5 * state["last"][name])
            for name, p in params.items()
        }
        return new, {"steps": {name: count + 1 for name, count in state["steps"].items()}, "last": grads}

    return InnerOptimizer(
        init=lambda params, outer: {
            "steps": {name: torch.zeros((), dtype=torch.int64) for name in params},
            "last": {name: torch.zeros_like(p) for name, p in params.items()},
        },
        hyperparameters=lambda params: {"lr": {name: p.new_full((), 0.3) for name, p in params.items()}},
        step=step,
        bounds={},
    )


@pytest.mark.parametrize("at_once", [1, 2])
def test_counts_of_steps_may_be_integers(at_once):
    known = few_steps(counting_in_integers())
    found = over_tasks(lambda task: recomputed()(known.problem, known.phi, task), at_once)(known.tasks)
    assert max(errors(found.dphi, known.dphi).values()) < 1e-12


def test_a_state_that_starts_from_the_weights_passes_its_gradient_on():
    """As when it is unrolled: the contract calls the state a constant, and neither estimator relies on it."""
    known = few_steps(counting_in_integers())
    problem = known.problem._replace(
        state=lambda w: {"steps": {name: torch.zeros((), dtype=torch.int64) for name in w}, "last": w}
    )
    ours, theirs = (
        over_tasks(lambda task, e=e: e(problem, known.phi, task), 1)(known.tasks) for e in (recomputed(), unrolled())
    )
    assert max(errors(ours.dphi, theirs.dphi).values()) < 1e-12
    assert max(errors(ours.dphi, known.dphi).values()) > 0.01
