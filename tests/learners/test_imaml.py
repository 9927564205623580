"""iMAML against finite differences of what it claims to lower, where adaptation has converged; all in float64."""

import pytest
import torch
import torch.nn.functional as F
from torch.func import grad, jacrev

from fewshot_bench.hypergradients.problem import solve
from fewshot_bench.hypergradients.vectors import row, shaped
from fewshot_bench.learners import LEARNERS
from fewshot_bench.learners.adaptation import regularised
from fewshot_bench.learners.base import WEIGHTS, grouped, select
from fewshot_bench.learners.imaml import LOG_LAM, imaml
from fewshot_bench.learners.imaml_released import imaml_released
from tests.learners.networks import at, no_statistics, one, parts, smooth, tasks

LAM, STEPS = 30.0, 120
"""With lr 0.02 the distance to the minimum falls by more than half a step: 1e-16 of it is left."""


def converged(**options):
    made = parts(smooth, lr=0.02)
    return made, imaml(lam=LAM, iterations=60, **options), at(no_statistics(made), STEPS), one(tasks())


def adapted(made, stage, meta, task):
    """Where adaptation ends, without dropout."""
    problem = regularised(made, stage, lambda meta: LAM, lambda *unused: None, noisy=False)
    return solve(problem, meta, task)[0]


def directions(meta):
    generator = torch.Generator().manual_seed(2)
    return {key: torch.randn(value.shape, dtype=value.dtype, generator=generator) for key, value in meta.items()}


def along(gradient, direction):
    return sum((gradient[key] * direction[key]).sum() for key in direction)


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({}, id="conjugate gradients"),
        pytest.param({"solver": "neumann", "alpha": 0.02}, id="Neumann series"),
        pytest.param({"learn_lam": True}, id="lambda learned"),
        pytest.param({"objective": "variational"}, id="Moreau envelope"),
        pytest.param({"objective": "variational", "beta": 0.7}, id="variational with queries"),
    ],
)
def test_meta_gradient_equals_finite_differences_of_the_loss_where_adaptation_ends(options):
    made, learner, stage, task = converged(**options)
    meta = learner.start(made, STEPS)
    found = learner.meta_gradient(made, meta, stage, task)
    assert set(found.meta) == set(meta)
    for group in {key.split("/")[0] for key in meta}:
        direction = {key: d * key.startswith(group) for key, d in directions(meta).items()}
        size = 1e-5
        ahead, behind = (
            learner.meta_gradient(made, {k: v + s * size * direction[k] for k, v in meta.items()}, stage, task)
            for s in (1, -1)
        )
        slope = (ahead.metrics["loss"] - behind.metrics["loss"]) / (2 * size)
        assert torch.isclose(along(found.meta, direction), slope, rtol=1e-6, atol=1e-9), group


def test_residuals_tell_how_far_the_theorem_is():
    made, learner, stage, task = converged()
    meta = learner.start(made, STEPS)
    near = learner.meta_gradient(made, meta, stage, task).metrics
    assert near["inner_residual"] < 1e-10
    assert near["solver_residual"] < 1e-10
    early = learner.meta_gradient(made, meta, stage._replace(steps=2), task).metrics
    assert early["inner_residual"] > 0.01
    coarse = imaml(lam=LAM, iterations=1).meta_gradient(made, meta, stage, task).metrics
    assert coarse["solver_residual"] > 1e-3
    w = adapted(made, stage._replace(steps=2), meta, task)
    inner = grad(lambda w: F.cross_entropy(made.model.apply(w, task.support.x, None), task.support.y))(w)
    by_hand = torch.cat([(inner[k] + LAM * (w[k] - made.model.weights[k])).reshape(-1) for k in w]).norm()
    assert torch.isclose(early["inner_residual"], by_hand, rtol=1e-12, atol=0)


def test_the_moreau_envelope_has_reptiles_direction():
    """lam (start - end), and Reptile's w_0 - w_T where its inner loss is the same: parallel to rounding."""
    made, learner, stage, task = converged(objective="variational")
    meta = learner.start(made, STEPS)
    found = learner.meta_gradient(made, meta, stage, task).meta
    w = adapted(made, stage, meta, task)
    for name, start in select(meta, WEIGHTS).items():
        assert torch.allclose(found[f"{WEIGHTS}/{name}"], LAM * (start - w[name]), rtol=0, atol=1e-13)


def test_lambda_starts_where_it_is_set_and_is_shown_as_it_is():
    made, learner, *_ = converged(learn_lam=True)
    meta = learner.start(made, STEPS)
    assert learner.learned(made, meta)["lam/all"] == pytest.approx(LAM)
    assert LOG_LAM not in converged()[1].start(made, STEPS)


@pytest.mark.parametrize("iterations", [5, 400])
def test_released_solves_another_system_than_the_papers(iterations):
    """Written out with a dense Hessian: descent, one pull-back step, (2 I + H / (lam + 10)) x = b."""
    made, task, steps, lam = parts(smooth, lr=0.1), one(tasks()), 4, 2.0
    learner = imaml_released(iterations=iterations)
    start = made.model.weights

    def on_support(w):
        return F.cross_entropy(made.model.apply(w, task.support.x, None), task.support.y)

    w = dict(start)
    for _ in range(steps):
        w = {name: p - 0.1 * g for (name, p), g in zip(w.items(), grad(on_support)(w).values(), strict=True)}
    w = {name: p - 0.1 * lam * (p - start[name]) for name, p in w.items()}
    b = row(grad(lambda w: F.cross_entropy(made.model.apply(w, task.query.x, None), task.query.y))(w))
    curvature = jacrev(grad(lambda v: on_support(shaped(v, w))))(row(w))
    eye = torch.eye(len(b), dtype=b.dtype)
    x = torch.linalg.solve(2 * eye + curvature / (lam + 10), b)
    papers = torch.linalg.solve(eye + curvature / lam, b)

    meta = grouped(WEIGHTS, start)
    found = learner.meta_gradient(made, meta, at(no_statistics(made), steps), task)
    ours = row(select(found.meta, WEIGHTS))
    assert torch.allclose(ours, x, rtol=0, atol=1e-9 if iterations > 5 else 1e-3 * float(x.norm()))
    assert (ours - papers).norm() > 0.3 * papers.norm()
    residual = (ours + curvature @ ours / lam - b).norm() / b.norm()
    assert torch.isclose(found.metrics["solver_residual"], residual, rtol=1e-9, atol=0)


def test_released_adapts_without_penalty_at_test():
    """measure_accuracy.py of imaml_dev runs with --lam 0: as MAML does."""
    made, task = parts(), one(tasks())
    stage, learner = at(no_statistics(made), 3), imaml_released()
    ours = learner.predict(made, learner.start(made, 3), stage, task, "transductive")
    maml = LEARNERS["maml"]()
    assert torch.equal(ours, maml.predict(made, maml.start(made, 3), stage, task, "transductive"))


def test_options_that_exclude_each_other_are_refused():
    with pytest.raises(ValueError, match="`learn_lam` is for the query objective"):
        imaml(learn_lam=True, objective="variational")
    with pytest.raises(ValueError, match="`lam` is 0"):
        imaml(lam=0.0)
