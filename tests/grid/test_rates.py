"""The rates that ship with the package, against the figures that they were fitted to."""

import pytest

from fewshot_bench.grid.costs import cost
from fewshot_bench.grid.rates import FIGURES, WORST_MEMORY, WORST_SECONDS, mebibytes, of_plan, seconds
from fewshot_bench.grid.work import Work
from fewshot_bench.training.plan import Plan
from fewshot_bench.training.settings import Cell, Training


def cell_of(figure):
    """One meta-step of it."""
    return Cell(
        dataset=figure.dataset,
        split="gimli" if figure.dataset == "omniglot" else "ravi",
        ways=figure.ways,
        shots=figure.shots,
        learner="maml++",
        backbone=figure.backbone,
        inner_optimizer=figure.inner_optimizer,
        seed=0,
        training=Training(iterations=1),
        learner_options=(("msl_epochs", 0),),
    )


def factor(estimate, measured):
    return max(estimate / measured, measured / estimate)


def test_seconds_are_as_far_off_as_is_said():
    off = [factor(seconds(cell_of(one), cost(cell_of(one)).training), one.seconds) for one in FIGURES]
    assert 0.95 * WORST_SECONDS < max(off) < WORST_SECONDS


def test_memory_is_as_far_off_as_is_said():
    known = [one for one in FIGURES if one.mebibytes]
    off = [factor(mebibytes(cost(cell_of(one)), 1), one.mebibytes) for one in known]
    assert 0.95 * WORST_MEMORY < max(off) < WORST_MEMORY


def test_figures_are_those_of_the_page(request):
    page = (request.config.rootpath / "docs" / "performance.md").read_text(encoding="utf-8")
    for one in FIGURES:
        if one.mebibytes:
            assert f"| {one.shots} | {one.seconds:.2f} | " in page
            assert f" | {one.mebibytes} |" in page
        else:
            assert f"{8 / one.seconds:.3g} | " in page


def test_adam_inside_takes_longer():
    sgd = cell_of(FIGURES[0])
    adam = cell_of(FIGURES[0]._replace(inner_optimizer="adam"))
    work = Work(0, 0, 1e6, 0)
    assert seconds(adam, work) > 1.5 * seconds(sgd, work)


def test_memory_of_a_plan():
    found = cost(cell_of(FIGURES[0]))
    one, four = of_plan(found, Plan("cpu", 1, 1, "traced")), of_plan(found, Plan("cpu", 1, 4, "eager"))
    assert of_plan(found, Plan("cpu", 1, 1, "traced", workers=3)) == pytest.approx(3 * one)
    assert four - one == pytest.approx(3 * (mebibytes(found, 2) - mebibytes(found, 1)))
    assert of_plan(found, Plan("cuda", 1, 8, "graph")) is None
    assert of_plan(found, Plan("cpu", 1, 1, recompute=True)) is None
