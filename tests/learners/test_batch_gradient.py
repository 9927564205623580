"""The gradient of a whole batch: the upper level of Sharp-MAML (Abbas et al. 2022, arXiv:2206.03996), by every plan."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch.utils._pytree import tree_map

from fewshot_bench.basics.errors import BenchError
from fewshot_bench.conformance import learner
from fewshot_bench.conformance.findings import findings
from fewshot_bench.learners.base import Gradient, Learner
from fewshot_bench.learners.maml import maml
from fewshot_bench.training.assembly import assemble
from fewshot_bench.training.gradients import gradients
from fewshot_bench.training.meta_step import apply_gradient, batch, begin, meta_step
from fewshot_bench.training.plan import Plan
from tests.learners.networks import one
from tests.tiny import SMALL, tiny_cell
from tests.training.in_float64 import in_float64


def sharp_maml(*, alpha: float = 0.05) -> Learner:
    """MAML with the meta-gradient at theta + alpha * g / |g|, where g is the batch's meta-gradient at theta."""

    def batch_gradient(parts, meta, stage, tasks, of_one):
        here = mean(of_one(meta, tasks))
        norm = torch.stack([(g * g).sum() for g in here.meta.values()]).sum().sqrt()
        there = {name: value + alpha * here.meta[name] / norm for name, value in meta.items()}
        return here._replace(meta=mean(of_one(there, tasks)).meta)

    return maml(learn_hyperparameters=False, msl_epochs=0)._replace(batch_gradient=batch_gradient)


def mean(found: Gradient) -> Gradient:
    return tree_map(lambda leaf: leaf.mean(0), found)


def plain_mean():
    """What a learner without a batch_gradient does, as one."""
    return maml()._replace(batch_gradient=lambda parts, meta, stage, tasks, of_one: mean(of_one(meta, tasks)))


def remembers():
    return sharp_maml()._replace(memory=lambda parts: {"a/b": torch.zeros(())})


def keeps_the_tasks():
    return maml()._replace(batch_gradient=lambda parts, meta, stage, tasks, of_one: of_one(meta, tasks))


CELL = tiny_cell(
    {"iterations": 30, "iterations_per_epoch": 3, "tasks_per_batch": 3},
    learner=f"{__name__}:sharp_maml",
    backbone=SMALL,
)
EAGER = Plan("cpu", 1, 3)


def after(cell, pool, plan, steps=4):
    """The meta-parameters after meta-steps in float64, and the losses."""
    assembly = in_float64(assemble(cell, pool, plan))
    state, find = begin(assembly.learner, assembly.parts, 2, "cpu"), gradients(assembly)
    return [meta_step(assembly, find, state)["loss"] for _ in range(steps)], state.meta


def test_the_upper_level_of_sharp_maml_equals_a_plain_loop(pattern_pool):
    assembly = in_float64(assemble(CELL, pattern_pool, EAGER))
    tasks, apply = batch(assembly, 0), assembly.parts.model.apply
    state = begin(assembly.learner, assembly.parts, 2, "cpu")
    found = gradients(assembly)([state], [tasks])[0]

    def loss_at(start):
        losses = []
        for index in range(3):
            task, w = one(tasks, index), start
            for _ in range(2):
                loss = F.cross_entropy(apply(w, task.support.x, None), task.support.y)
                slopes = torch.autograd.grad(loss, list(w.values()), create_graph=True)
                w = {name: p - 0.1 * g for (name, p), g in zip(w.items(), slopes, strict=True)}
            losses.append(F.cross_entropy(apply(w, task.query.x, None), task.query.y))
        return sum(losses) / 3

    start = {name: p.detach().clone().requires_grad_() for name, p in assembly.parts.model.weights.items()}
    g = torch.autograd.grad(loss_at(start), list(start.values()))
    norm = sum((part**2).sum() for part in g).sqrt()
    ahead = {
        name: (p + 0.05 * part / norm).detach().requires_grad_()
        for (name, p), part in zip(start.items(), g, strict=True)
    }
    expected = torch.autograd.grad(loss_at(ahead), list(ahead.values()))
    for name, value, plain in zip(start, expected, g, strict=True):
        assert torch.allclose(found.meta[f"weights/{name}"], value[None], rtol=0, atol=1e-13), name
        assert not torch.allclose(value, plain, rtol=0, atol=1e-5)
    assert torch.isclose(found.metrics["loss"][0], loss_at(start), rtol=0, atol=1e-14)


@pytest.mark.parametrize(
    "plan",
    [
        Plan("cpu", 1, 1),
        Plan("cpu", 1, 2, "traced", 2),
        Plan("cpu", 1, 3, "traced", 1),
        Plan("cpu", 1, 1, recompute=True),
    ],
)
def test_every_plan_trains_alike(pattern_pool, plan):
    (losses, meta), (found, also) = (after(CELL, pattern_pool, each) for each in (EAGER, plan))
    assert found == pytest.approx(losses, rel=1e-9)
    for name, value in meta.items():
        torch.testing.assert_close(also[name], value, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("program", ["eager", "traced"])
def test_replicas_train_as_each_would_alone(pattern_pool, program):
    cells, plan = [replace(CELL, seed=seed) for seed in (0, 1)], Plan("cpu", 1, 3, program, replicas=2)
    packed = [in_float64(assemble(cell, pattern_pool, plan)) for cell in cells]
    states, find = [begin(each.learner, each.parts, 2, "cpu") for each in packed], gradients(packed[0])
    for _ in range(3):
        found = find(states, [batch(each, state.iteration) for each, state in zip(packed, states, strict=True)])
        for each, state, gradient in zip(packed, states, found, strict=True):
            apply_gradient(each, state, gradient)
    for cell, state in zip(cells, states, strict=True):
        _, meta = after(cell, pattern_pool, plan, 3)
        assert all(torch.equal(state.meta[name], value) for name, value in meta.items())


def test_the_mean_written_out_is_the_default(pattern_pool):
    found = [after(replace(CELL, learner=name), pattern_pool, EAGER) for name in (f"{__name__}:plain_mean", "maml++")]
    assert found[0][0] == found[1][0]
    assert all(torch.equal(value, found[1][1][name]) for name, value in found[0][1].items())


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("remembers", "has both `memory` and `batch_gradient`"),
        ("keeps_the_tasks", "`batch_gradient` does not have the names and shapes of the meta-parameters"),
    ],
)
def test_what_cannot_be_is_told_in_a_sentence(pattern_pool, name, says):
    with pytest.raises(BenchError, match=says):
        after(replace(CELL, learner=f"{__name__}:{name}"), pattern_pool, EAGER)


def test_check_passes_it():
    assert [each for each in findings(learner.STAGES, learner.Candidate(sharp_maml)) if each.ok is False] == []
