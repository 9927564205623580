"""Answers that the audit takes from autograd or from a formula, by differences of values, which need no derivative."""

import pytest
import torch

from fewshot_bench.audit.batches import gradient_of_vmap, torchs
from fewshot_bench.audit.moreau import moreau_envelope
from fewshot_bench.audit.problem import each, worst_error
from fewshot_bench.audit.problems import PROBLEMS
from fewshot_bench.hypergradients.unrolled import objective
from fewshot_bench.hypergradients.vectors import dot, norm, plus, scaled


def slope(problem, direction, step):
    """Of the mean loss with torch's own layers along a direction, by a central difference."""

    def value(sign):
        phi = plus(problem.phi, direction, sign * step)
        return torch.stack([objective(problem.plain, phi, task)[0] for task in each(problem.tasks)]).mean()

    return (value(1) - value(-1)) / (2 * step)


@pytest.mark.parametrize("name", ["VGG, 1 shot, rate 0.4", "batch norm network, 5 steps"])
def test_along_what_fused_norms_get_wrong_the_answer_is_the_slope(name):
    """The direction in which grad(vmap(task)) differs: there its slope is another one."""
    problem = PROBLEMS[name].make()
    wrong = gradient_of_vmap(torchs)(problem)
    apart = plus(wrong, problem.answer, -1)
    direction = scaled(apart, 1 / norm(apart))
    measured = float(slope(problem, direction, 1e-6))
    right, off = float(dot(problem.answer, direction)), float(dot(wrong, direction))
    assert measured == pytest.approx(right, abs=1e-3 * abs(off - right))


def test_the_envelopes_gradient_is_the_slope_of_its_value():
    problem = moreau_envelope()
    for i in range(5):
        direction = {"start": torch.eye(5, dtype=torch.float64)[i]}
        assert float(slope(problem, direction, 1e-5)) == pytest.approx(float(problem.answer["start"][i]), abs=1e-9)


def test_the_worst_group_counts_and_nan_is_not_lost():
    answer = {"start/a": torch.tensor([3.0, 0.0]), "start/b": torch.tensor([4.0]), "lr": torch.tensor(2.0)}
    found = answer | {"start/b": torch.tensor([4.5])}
    assert worst_error(found, answer, ("start", "lr")) == pytest.approx(0.1)
    assert worst_error(found, answer, ("lr",)) == 0
    broken = found | {"lr": torch.tensor(torch.nan)}
    assert worst_error(broken, answer, ("lr", "start")) != worst_error(broken, answer, ("lr", "start"))
