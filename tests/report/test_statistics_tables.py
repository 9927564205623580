"""Families of rows that met the same tasks, their differences, and what the tables say of both."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fewshot_bench.basics.errors import BenchError
from fewshot_bench.report.results import read_results
from fewshot_bench.report.statistics import accuracies, families
from fewshot_bench.report.table import Table, footnotes, marked
from fewshot_bench.report.tables import read_report
from tests.report.factory import write_cell

HIGH, LOW = (0.9, 0.8, 1.0, 0.7), (0.5, 0.6, 0.4, 0.7)  # differences 0.4, 0.2, 0.6 and 0


def table(directory: Path, name: str = "differences") -> Table:
    return next(table for table in read_report(directory).tables if table.name == name)


def names(directory: Path) -> list[str]:
    return [table.name for table in read_report(directory).tables]


def texts(table: Table) -> list[list[str]]:
    return [[field.text for field in row] for row in marked(table)]


def notes(table: Table, column: int) -> list[list[str]]:
    sentences = {letter: sentence for sentence, letter in footnotes(table).items()}
    return [[sentences[letter] for letter in row[column].letters] for row in marked(table)]


def test_a_pair_with_its_interval_and_both_p(tmp_path: Path) -> None:
    write_cell(tmp_path, HIGH, val_accuracy=0.9, inner_optimizer="adam")
    write_cell(tmp_path, LOW, val_accuracy=0.8, inner_optimizer="sgd")
    shown = table(tmp_path)
    titles = [f"{column.group} {column.title}".strip() for column in shown.columns]
    assert titles[:3] == ["dataset", "nway", "kshot"]
    assert titles[3:] == ["first", "second", "diff", "95 % from", "95 % to", "p", "Holm", "real", "n"]
    # mean 0.3, standard error 0.1291 of 3 degrees of freedom: t = 2.3238, and 3.182 x 0.1291 = 0.4108
    assert texts(shown) == [
        ["omniglot", "5", "1", "vgg + Adam", "vgg + SGD", "+30.00", "-11.09", "+71.09", "0.103", "0.103", "no", "1 x 4"]
    ]
    assert notes(shown, 3) == [["Best of its block by validation."]]
    assert "training again" in notes(shown, -1)[0][0]


def test_p_is_corrected_over_the_block(tmp_path: Path) -> None:
    for backbone, tasks in (("vgg", HIGH), ("resnet-4", LOW), ("resnet-8", (0.1, 0.2, 0.1, 0.2))):
        write_cell(tmp_path, tasks, backbone=backbone)
        write_cell(tmp_path, tasks, backbone=backbone, shots=5)
    rows = texts(table(tmp_path))
    assert [row[2] for row in rows] == ["1"] * 3 + ["5"] * 3
    raw, holm = ([float(row[column].replace("<", "")) for row in rows[:3]] for column in (8, 9))
    assert sorted(holm) == pytest.approx(
        [3 * min(raw), 2 * sorted(raw)[1], max(2 * sorted(raw)[1], max(raw))], abs=3e-3
    )


def test_seeds_are_paired_and_their_spread_counts(tmp_path: Path) -> None:
    for seed, shift in enumerate((0.0, 0.1)):
        write_cell(tmp_path, [0.9 + shift - 0.1, 0.7 + shift], seed=seed)
        write_cell(tmp_path, [0.5, 0.4], seed=seed, backbone="resnet-8")
    write_cell(tmp_path, [0.0, 0.1], seed=7, backbone="resnet-8")
    # differences 0.3, 0.3 and 0.4, 0.4: means of seeds 0.3 and 0.4, of tasks equal, nothing left; one degree of freedom
    (row,) = texts(table(tmp_path))
    assert row[3:5] == ["resnet-8 + SGD", "vgg + SGD"]
    assert row[5:8] == ["-35.00", "-98.53", "+28.53"]  # 12.706 x 0.05
    assert row[-1] == "2 x 2"


def test_the_best_is_chosen_by_validation_and_marked_where_test_would_not(tmp_path: Path) -> None:
    write_cell(tmp_path, LOW, val_accuracy=0.9)
    write_cell(tmp_path, HIGH, val_accuracy=0.8, backbone="resnet-8")
    shown = table(tmp_path)
    assert notes(shown, 3) == [["Test would have chosen this one."]]
    assert notes(shown, 4) == [["Best of its block by validation."]]
    ablation = table(tmp_path, "ablation")
    column = [column.title for column in ablation.columns].index("mean acc")
    first, second = (found[0] for found in notes(ablation, column))
    assert "Best by test" in first
    assert "Best by validation" in second


def test_a_row_alone_is_neither_compared_nor_best_of_anything(tmp_path: Path) -> None:
    write_cell(tmp_path, HIGH)
    write_cell(tmp_path, LOW, shots=5)
    assert "differences" not in names(tmp_path)
    assert not any("Best" in note for note in footnotes(table(tmp_path, "ablation")))


@pytest.mark.parametrize(
    "change", [{"evaluation_seed": 1}, {"queries": 15}, {"split_hash": "x"}, {"batch_norm": "inductive"}], ids=str
)
def test_rows_tested_otherwise_are_of_another_family(tmp_path: Path, change: dict[str, Any]) -> None:
    write_cell(tmp_path, HIGH)
    write_cell(tmp_path, LOW, backbone="resnet-8", fingerprint=change)
    results = read_results(tmp_path)
    assert [len(family.rows) for family in results.families] == [1, 1]
    assert "differences" not in names(tmp_path)


def test_steps_at_test_belong_to_a_learner_and_part_no_family(tmp_path: Path) -> None:
    write_cell(tmp_path, HIGH)
    write_cell(tmp_path, LOW, learner="reptile", fingerprint={"inner_steps_test": 50})
    assert texts(table(tmp_path))[0][3:5] == ["maml++, vgg + SGD", "reptile, vgg + SGD"]


def many(directory: Path, count: int) -> None:
    """Rows "net00", ... whose validation grows with their number."""
    for index in range(count):
        write_cell(directory, [0.5, 0.6, 0.8 - 0.01 * index], backbone=f"net{index:02}", val_accuracy=index / 100)


def test_a_large_family_is_held_against_its_best_and_capped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    many(tmp_path, 15)
    read = []

    def counted(cell: Any, by_task: Any = accuracies.by_task) -> Any:
        read.append(cell.name)
        return by_task(cell)

    monkeypatch.setattr(accuracies, "by_task", counted)
    shown = table(tmp_path)
    assert [row[3] for row in texts(shown)] == [f"net{index:02} + SGD" for index in range(2, 14)]
    assert {row[4] for row in texts(shown)} == {"net14 + SGD"}
    assert len(read) == len(set(read)) == families.MOST + 1
    assert "the next best by validation; left out: 2 rows." in shown.under[1]


def test_a_family_of_a_few_has_every_pair(tmp_path: Path) -> None:
    many(tmp_path, 4)
    shown = table(tmp_path)
    assert len(shown.rows) == 6
    assert len(shown.under) == 1


def test_validations_of_two_kinds_choose_no_best(tmp_path: Path) -> None:
    write_cell(tmp_path, HIGH, also={"inductive": LOW}, evaluation={"both_batch_norms": True}, val_accuracy=0.9)
    for index in range(6):
        write_cell(tmp_path, LOW, backbone=f"net{index}", fingerprint={"batch_norm": "inductive"})
    results = read_results(tmp_path)
    (mixed,) = (family for family in results.families if family.batch_norm == "inductive")
    assert len(mixed.rows) == 7
    assert mixed.best is None
    report = read_report(tmp_path)
    assert "differences" not in [table.name for table in report.tables]
    assert any("7 rows" in remark and "none is best" in remark for remark in report.remarks)


def test_an_untrained_network_is_never_best(tmp_path: Path) -> None:
    write_cell(tmp_path, LOW, val_accuracy=0.5)
    write_cell(tmp_path, HIGH, val_accuracy=0.9, training={"iterations": 0}, backbone="resnet-8")
    (family,) = read_results(tmp_path).families
    assert family.best is not None
    assert family.best.group.axes["backbone"] == "vgg"
    assert family.by_test is None


@pytest.mark.parametrize("damage", ["missing", "other tasks"])
def test_what_cannot_be_paired_is_said_once(tmp_path: Path, damage: str) -> None:
    folder = write_cell(tmp_path, HIGH)
    write_cell(tmp_path, LOW if damage == "missing" else LOW[:2], backbone="resnet-8")
    write_cell(tmp_path, LOW, backbone="resnet-4")
    if damage == "missing":
        (folder / "episodes.parquet").unlink()
    report = read_report(tmp_path)
    remarks = [remark for remark in report.remarks if "episodes.parquet" in remark or "different tasks" in remark]
    assert len(remarks) == len(report.remarks) == (1 if damage == "missing" else 2)
    assert len(table(tmp_path).rows) == 1


def test_many_remarks_are_folded(tmp_path: Path) -> None:
    for index in range(12):
        write_cell(tmp_path, None, backbone=f"net{index:02}")
    *_, last = remarks = read_report(tmp_path).remarks
    assert len(remarks) == 9
    assert last == "And 4 remarks more of this kind."


def test_the_interval_of_several_seeds_is_over_seeds_and_tasks(tmp_path: Path) -> None:
    for seed, tasks in enumerate(((0.0, 0.2, 0.4), (0.4, 0.4, 0.4))):
        write_cell(tmp_path, tasks, seed=seed, dataset="glyphs")
    write_cell(tmp_path, (0.5, 0.5, 0.5), dataset="glyphs", backbone="resnet-8", test_ci95=0.0123)
    shown = table(tmp_path, "ablation")
    column = [column.title for column in shown.columns].index("ci95")
    # variance (1 + 1/3 + 1/3) / 100, of 25/9 / (1 + 1/18 + 1/18) = 2.5 degrees: t = 3.575
    assert [row[column] for row in texts(shown)] == ["1.23", "46.15"]
    assert "over the test tasks where n is 1 and over seeds and test tasks" in shown.under[0]
    data = read_report(tmp_path).data.set_index("backbone")
    assert data.loc["vgg", "ci95_over_seeds_and_tasks"] == pytest.approx(46.15, abs=0.005)
    assert data.loc["resnet-8", "ci95_over_tasks_of_one_seed"] == 1.23
    assert data["ci95_over_seeds_and_tasks"].isna().tolist() == [True, False]


def test_without_all_its_seeds_a_row_has_no_interval(tmp_path: Path) -> None:
    write_cell(tmp_path, (0.1, 0.2))
    (write_cell(tmp_path, (0.1, 0.3), seed=1) / "episodes.parquet").unlink()
    assert "ci95" not in [column.title for column in table(tmp_path, "ablation").columns]


def test_only_the_seeds_that_both_have_are_paired() -> None:
    tasks = np.arange(2)
    first = accuracies.Accuracies((0, 1), tasks, np.array([[0.1, 0.2], [0.9, 0.8]]))
    second = accuracies.Accuracies((1, 2), tasks, np.array([[0.5, 0.5], [0.0, 0.0]]))
    assert accuracies.paired(first, second).tolist() == [pytest.approx([0.4, 0.3])]
    assert accuracies.paired(first, second._replace(seeds=(5, 6))).shape == (0, 2)
    with pytest.raises(BenchError, match="different tasks"):
        accuracies.paired(first, second._replace(tasks=tasks + 1))
