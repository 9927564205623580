"""Which cells of two runs are counterparts, what differs between them, and what is refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from fewshot_bench.basics.errors import BenchError
from fewshot_bench.cells.reading import read_cells, read_run
from fewshot_bench.report.compare.counterparts import KeyDifference, counterparts, differences
from fewshot_bench.report.compare.paired_tests import PairedTest, paired_tests
from fewshot_bench.report.compare.tables import compare
from tests.report.factory import write_cell

HIGH, LOW = (0.9, 0.8, 1.0, 0.7), (0.5, 0.6, 0.4, 0.7)


@pytest.fixture
def a(tmp_path: Path) -> Path:
    return tmp_path / "a"


@pytest.fixture
def b(tmp_path: Path) -> Path:
    return tmp_path / "b"


def found(a: Path, b: Path) -> list[PairedTest]:
    return paired_tests(counterparts(read_run(a), read_run(b)).pairs)


def difference(result: PairedTest) -> tuple[float, float, float]:
    assert result.estimate is not None
    return result.estimate.mean, result.estimate.p, result.corrected


def test_equal_cells_are_counterparts_and_equal(a: Path, b: Path) -> None:
    for folder in (a, b):
        write_cell(folder, HIGH)
        write_cell(folder, LOW, backbone="resnet-8")
    comparison = compare(a, b)
    assert [table.name for table in comparison.tables] == ["results"]
    assert comparison.remarks == ("Counterparts do not differ in settings, protocol, code, plan or environment.",)
    first, second = found(a, b)
    assert difference(first) == difference(second) == (0.0, 1.0, 1.0)
    assert first.note == "Equal on every task."


def test_what_cells_are_tested_on_tells_them_apart(a: Path, b: Path) -> None:
    for run in (a, b):
        write_cell(run, HIGH)
        write_cell(run, LOW, evaluation={"dataset": "birds", "split": "own"})
    name = "omniglot 5-way 1-shot, maml++, vgg + SGD"
    assert sorted(result.label for result in found(a, b)) == [
        f"{name} (tested on dataset birds, tested on split own)",
        f"{name} (tested on dataset omniglot, tested on split gimli)",
    ]


def test_cells_alone_are_listed(a: Path, b: Path) -> None:
    write_cell(a, HIGH)
    write_cell(b, HIGH)
    for seed in range(1, 12):
        write_cell(a, HIGH, seed=seed)
    write_cell(b, status="failed", backbone="resnet-8", reason="loss is nan")
    runs = counterparts(read_cells(a), read_cells(b))
    assert (len(runs.pairs), len(runs.only_a), len(runs.only_b)) == (1, 11, 1)
    (shown,) = (table for table in compare(a, b).tables if table.name == "alone")
    assert [row[0].text for row in shown.rows] == ["A"] * 9 + ["B"]
    assert shown.rows[8][1].text == "and 3 more"
    assert shown.rows[9][2].text == "failed"


def test_the_nearest_settings_are_counterparts(a: Path, b: Path) -> None:
    write_cell(a, HIGH, options={"lr": 0.1})
    write_cell(a, HIGH, options={"lr": 0.2}, training={"tasks_per_batch": 2})
    write_cell(b, HIGH, options={"lr": 0.3}, training={"tasks_per_batch": 2})
    write_cell(b, HIGH, options={"lr": 0.1}, learner_options={"meta_lr": 0.5})
    pairs = counterparts(read_cells(a), read_cells(b)).pairs
    assert {pair.differing for pair in pairs} == {("inner_optimizer_options.lr",), ("learner_options.meta_lr",)}


def test_trained_and_untrained_are_no_counterparts_unless_there_is_nothing_else(a: Path, b: Path) -> None:
    untrained: dict[str, Any] = {"training": {"iterations": 0}}
    write_cell(a, HIGH)
    write_cell(a, LOW, **untrained)
    write_cell(b, LOW, **untrained)
    (pair,) = counterparts(read_cells(a), read_cells(b)).pairs
    assert pair.differing == ()
    write_cell(a.parent / "c", HIGH)
    (pair,) = counterparts(read_cells(a.parent / "c"), read_cells(b)).pairs
    assert pair.differing == ("training.iterations",)


def test_what_runs_differ_in_as_wholes_is_what_is_compared(a: Path, b: Path) -> None:
    for backbone in ("vgg", "resnet-8"):
        write_cell(a, LOW, learner="fomaml", backbone=backbone)
        write_cell(b, HIGH, learner="maml", backbone=backbone)
    runs = counterparts(read_cells(a), read_cells(b))
    assert differences(runs.pairs) == [KeyDifference("setting", "learner", "fomaml", "maml", 2)]
    labels = [result.label for result in paired_tests(runs.pairs)]
    assert labels == [f"omniglot 5-way 1-shot, fomaml / maml, {name} + SGD" for name in ("resnet-8", "vgg")]


def test_seeds_are_one_result_and_p_is_corrected_over_all(a: Path, b: Path) -> None:
    for seed in (0, 1):
        write_cell(a, [value - 0.1 * seed for value in LOW], seed=seed)
        write_cell(b, HIGH, seed=seed)
    write_cell(a, LOW, seed=0, shots=5)
    write_cell(b, HIGH, seed=0, shots=5)
    one, five = found(a, b)
    assert (one.accuracy_a, one.accuracy_b) == pytest.approx((0.5, 0.85))
    assert one.estimate is not None
    assert (one.estimate.seeds, one.estimate.tasks) == (2, 4)
    mean, p, corrected = difference(five)
    assert (mean, p) == pytest.approx((0.3, 0.1027), abs=1e-4)  # t = 2.3238 of 3 degrees of freedom
    smaller = min(p, one.estimate.p)
    assert min(one.corrected, corrected) == pytest.approx(2 * smaller)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"fingerprint": {"queries": 15}}, "queries 1 and 15"),
        ({"fingerprint": {"evaluation_seed": 3}}, "evaluation_seed 0 and 3"),
        ({"fingerprint": {"split_hash": "ff" * 32}}, "split_hash 01234567 and ffffffff"),
        ({"ways": 20}, "ways 5 and 20"),
    ],
    ids=str,
)
def test_other_tasks_are_refused_in_a_sentence(a: Path, b: Path, change: dict[str, Any], words: str) -> None:
    write_cell(a, LOW)
    write_cell(b, HIGH, **change)
    (result,) = found(a, b)
    assert result.estimate is None
    assert result.note == f"Not paired: tested on different tasks ({words})."
    assert (result.accuracy_a, result.accuracy_b) == pytest.approx((0.55, 0.85))


def test_numbers_of_tasks_and_missing_files_are_refused_too(a: Path, b: Path) -> None:
    write_cell(a, LOW)
    folder = write_cell(b, HIGH[:3])
    assert "different numbers" in found(a, b)[0].note
    (folder / "episodes.parquet").unlink()
    assert "episodes.parquet is missing" in found(a, b)[0].note


def test_protocol_plan_environment_and_status_are_told(a: Path, b: Path) -> None:
    write_cell(a, HIGH, fingerprint={"inner_steps_test": 5})
    folder = write_cell(b, HIGH, fingerprint={"inner_steps_test": 10})
    for place, plan, torch in ((next((a / "cells").iterdir()), {"threads": 1}, "2.14"), (folder, {}, "2.15")):
        status = json.loads((place / "status.json").read_text())
        status |= {"plan": {"device": "cpu", **plan}, "environment": {"torch": torch}}
        (place / "status.json").write_text(json.dumps(status))
    write_cell(a, HIGH, seed=1)
    write_cell(b, seed=1, status="failed", reason="no memory")
    assert differences(counterparts(read_cells(a), read_cells(b)).pairs) == [
        KeyDifference("status", "status", "done", "failed", 1),
        KeyDifference("protocol", "inner_steps_test", "5", "10", 1),
        KeyDifference("plan", "threads", "1", "not recorded", 1),
        KeyDifference("environment", "torch", "2.14", "2.15", 1),
    ]
    assert found(a, b)[0].accuracy_a == pytest.approx(0.85)


def test_both_kinds_of_batch_norm_are_results(a: Path, b: Path) -> None:
    both = {"both_batch_norms": True}
    write_cell(a, LOW, also={"inductive": LOW}, evaluation=both)
    write_cell(b, HIGH, also={"inductive": LOW}, evaluation=both)
    first, second = found(a, b)
    assert difference(first)[0] == pytest.approx(0.3)
    assert difference(second)[0] == 0
    assert second.label.endswith("vgg + SGD, inductive")


def test_two_budgets_are_told_apart(a: Path, b: Path) -> None:
    for folder in (a, b):
        for iterations in (300, 600):
            write_cell(folder, HIGH, training={"iterations": iterations})
    assert [result.label.partition("SGD ")[2] for result in found(a, b)] == ["(iterations=300)", "(iterations=600)"]


def test_a_cell_may_be_given_by_its_folder(a: Path, b: Path) -> None:
    first, second = write_cell(a, LOW), write_cell(b, HIGH, learner="maml", seed=3)
    (pair,) = counterparts(read_run(first), read_run(second)).pairs
    assert pair.differing == ("learner", "seed")
    with pytest.raises(BenchError, match="there is no folder"):
        read_run(a / "nowhere")
    with pytest.raises(BenchError, match="holds no cells"):
        read_run(a.parent)


def test_runs_without_anything_in_common(a: Path, b: Path) -> None:
    for backbone in ("vgg", "resnet-8"):
        write_cell(a, LOW, backbone=backbone)
        write_cell(b, LOW, backbone=f"my-{backbone}")
    comparison = compare(a, b)
    assert [table.name for table in comparison.tables] == ["alone"]
    assert "No cell of A has a counterpart in B" in comparison.remarks[0]


def test_an_unreadable_cell_is_told_of(a: Path, b: Path) -> None:
    write_cell(a, LOW)
    (write_cell(b, LOW) / "config.toml").write_text("=")
    (unreadable, nothing) = compare(a, b).remarks
    assert "config.toml" in unreadable
    assert "No cell" in nothing
