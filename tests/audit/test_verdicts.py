"""What the audit is there to say, on a few of its rows: ours are exact, and others' defects are found."""

import pytest

from fewshot_bench.audit.row import OURS
from fewshot_bench.audit.rows import ROWS, picked
from fewshot_bench.audit.running import run

QUICK = ("quadratic, 5 steps", "VGG, 1 shot, rate 0.4", "Adam, 4 steps", "small network, minimum", "Moreau envelope")

RUN = [row for row in ROWS if row.problem in QUICK and row.by in (OURS, "paper", "torch", "higher", "torchopt")]


@pytest.fixture(scope="module")
def results():
    return run(RUN)


def only(results, **wanted):
    (found,) = [r for r in results if all(getattr(r, key) == value for key, value in wanted.items())]
    return found


def test_what_has_to_be_exact_is(results):
    """Peers too, but where they raise: nothing is off that has no explanation."""
    for row, result in zip(RUN, results, strict=True):
        if row.off is None and result.verdict != "raises":
            assert result.verdict == "exact", result
        assert (result.note == "") == (result.verdict == "exact")


def test_every_estimator_and_solver_of_ours_is_among_what_has_to_be_exact():
    said = " ".join(row.call for row in picked([OURS]) if row.off is None)
    for name in (
        *("unrolled()", "recomputed()", "forward_mode()", "vmap of unrolled()", "displacement(2)", "dense()"),
        *("conjugate_gradients(27)", "neumann(200", "learner Maml", "learner Imaml"),
    ):
        assert name in said


def test_highers_beta2_is_wrong_and_ours_reproduces_it_on_purpose(results):
    theirs = only(results, by="higher", wrt="beta2")
    ours = only(results, by=OURS, wrt="beta2")
    assert theirs.verdict == ours.verdict == "WRONG"
    assert theirs.error == pytest.approx(ours.error, rel=1e-6)
    assert theirs.error > 1
    assert only(results, by="higher", wrt="start, lr, beta1").verdict == "exact"


def test_one_gradient_around_vmap_is_off_by_percents_with_fused_norms_alone(results):
    wrong = only(results, by="torch", call="grad(vmap(task)), fused", wrt="start")
    assert wrong.verdict == "WRONG"
    assert wrong.error > 0.01
    assert only(results, by=OURS, call="grad(vmap(task)), our norms").verdict == "exact"
    assert only(results, by="torch", call="vmap(grad(task)), fused").verdict == "exact"


def test_algorithm_1_as_printed_is_exact_without_state_and_off_with_adams(results):
    assert only(results, by="paper", problem="quadratic, 5 steps").verdict == "exact"
    off = [r for r in results if r.by == "paper" and r.problem == "Adam, 4 steps"]
    assert {r.wrt for r in off} == {"start", "lr", "beta1", "beta2"}
    assert all(r.verdict == "WRONG" and r.error > 0.1 for r in off)


def test_the_released_system_is_not_the_papers(results):
    assert only(results, call="imaml-released's system").error > 0.3
    assert only(results, call="learner Imaml(iterations=27)").verdict == "exact"


def test_torchopts_solvers_and_zero_order_methods_are_told_apart(results):
    def verdict(call, problem="small network, minimum"):
        return only(results, by="torchopt", call=call, problem=problem).verdict

    assert verdict("solve_inv()") == "WRONG"
    assert verdict("solve_cg()") == "approximate"
    assert verdict("solve_cg(rtol=1e-14)") == "exact"
    assert verdict('zero_order("forward")', "quadratic, 5 steps") == "WRONG"
    assert verdict('zero_order("naive")', "quadratic, 5 steps") == "exact"
