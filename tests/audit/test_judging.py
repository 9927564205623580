"""From an error to a verdict, and what happens to implementations that are missing or raise."""

import math

import pytest

from fewshot_bench.audit import running
from fewshot_bench.audit.problems import PROBLEMS
from fewshot_bench.audit.row import EXACT, OURS, AuditRow, approximate, judged, ours_off, wrong
from fewshot_bench.audit.rows import MAKERS, ROWS, SECTIONS, picked
from fewshot_bench.basics.errors import BenchError

PROBLEM = "Moreau envelope"


def right(problem):
    return problem.answer


def row(by=OURS, off=None, run=right):
    return AuditRow("implicit", PROBLEM, by, "call", ("start",), run, off)


@pytest.mark.parametrize(
    ("off", "error", "verdict"),
    [
        (None, EXACT, "exact"),
        (None, 2 * EXACT, "WRONG"),
        (approximate("why"), 0.5, "approximate"),
        (approximate("why"), 0.0, "exact"),
        (wrong("why"), 0.5, "WRONG"),
        (wrong("why"), 0.0, "exact"),
        (None, math.nan, "WRONG"),
        (approximate("why"), math.nan, "WRONG"),
        (approximate("why"), math.inf, "WRONG"),
    ],
)
def test_verdicts(off, error, verdict):
    found = judged(row(off=off), error)
    assert found.verdict == verdict
    assert bool(found.note) == (verdict != "exact")


def test_the_package_answers_for_what_it_has_not_said_itself():
    """An error that nobody has explained, or one that is not finite; of its own alone."""
    found = [
        judged(row(), 0.5),
        judged(row(off=approximate("why")), math.nan),
        judged(row(off=approximate("why")), 0.5),
        judged(row(off=wrong("why")), 0.5),
        judged(row(), 0.0),
        judged(row(by="higher"), 0.5),
    ]
    assert ours_off(found) == found[:2]


def doubled(problem):
    return {name: 2 * tensor for name, tensor in problem.answer.items()}


def test_implementations_are_measured():
    (exact,), (off,) = running.run([row()]), running.run([row(run=doubled)])
    assert (exact.verdict, exact.error) == ("exact", 0.0)
    assert (off.verdict, off.error) == ("WRONG", pytest.approx(1.0))


def failing(problem):
    raise TypeError("no tensors here")


def test_what_a_peer_raises_is_its_result_and_what_ours_raises_is_raised():
    (found,) = running.run([row(by="higher", run=failing)])
    assert (found.verdict, found.error) == ("raises", None)
    assert "call of higher raises TypeError: no tensors here" in found.note
    with pytest.raises(TypeError, match="no tensors"):
        running.run([row(run=failing)])


def test_a_peer_that_is_not_there_is_a_line_that_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(running, "version", lambda name: None)
    (found,) = running.run([row(by="torchmeta", run=failing)])
    assert (found.verdict, found.error) == ("not installed", None)
    assert "uv sync --extra peers" in found.note


def test_rows_are_well_formed_and_lines_of_the_table_apart():
    keys = [(row.section, row.problem, row.by, row.call, row.wrt) for row in ROWS]
    assert len(set(keys)) == len(keys)
    for row_ in ROWS:
        assert row_.section in SECTIONS and row_.by in MAKERS and row_.problem in PROBLEMS
    assert {row_.section for row_ in ROWS} == set(SECTIONS)
    assert {row_.by for row_ in ROWS} == set(MAKERS)


def test_words_pick_tables_and_makers():
    assert picked([]) == ROWS
    assert {(r.section, r.by) for r in picked(["maml", "higher"])} == {("maml", "higher")}
    assert {r.by for r in picked(["batches"])} == {OURS, "torch"}
    with pytest.raises(BenchError, match=r"unknown table or maker 'highr' \(did you mean 'higher'\?\)"):
        picked(["maml", "highr"])
