"""Means, spreads, twins and gains against numbers worked out by hand."""

import math
from pathlib import Path

import pytest

from fewshot_bench.cells.reading import read_cells
from fewshot_bench.report.columns import tidy
from fewshot_bench.report.groups import grouped
from fewshot_bench.report.results import read_results
from fewshot_bench.report.rows import Row, rows_of
from tests.report.factory import write_cell, write_episodes


def rows(directory: Path) -> list[Row]:
    return list(read_results(directory).rows)


def test_mean_and_std_are_over_seeds_with_ddof_1(tmp_path: Path) -> None:
    for seed, accuracy in enumerate((0.90, 0.92, 0.97)):
        write_cell(tmp_path, [accuracy], seed=seed)
    (row,) = rows(tmp_path)
    assert row.n == 3
    assert row.mean == pytest.approx(0.93)
    assert row.std == pytest.approx(math.sqrt((0.03**2 + 0.01**2 + 0.04**2) / 2))
    assert math.isnan(row.ci95)


def test_one_seed_has_no_std_but_an_interval_over_tasks(tmp_path: Path) -> None:
    write_cell(tmp_path, test_ci95=0.013)
    (row,) = rows(tmp_path)
    assert math.isnan(row.std)
    assert row.ci95 == 0.013


def test_seeds_of_different_settings_or_protocols_are_never_averaged(tmp_path: Path) -> None:
    write_cell(tmp_path, [0.9], seed=0)
    write_cell(tmp_path, [0.8], seed=1, options={"lr": 0.01})
    write_cell(tmp_path, [0.7], seed=2, evaluation={"tasks": 5})
    write_cell(tmp_path, [0.6], seed=3, fingerprint={"split_hash": "another"})
    found = {row.setting: row.mean for row in rows(tmp_path)}
    assert found == {
        "tasks=4, lr=default, split_hash=01234567": pytest.approx(0.9),
        "tasks=4, lr=0.01": pytest.approx(0.8),
        "tasks=5, lr=default": pytest.approx(0.7),
        "tasks=4, lr=default, split_hash=another": pytest.approx(0.6),
    }


def test_an_untrained_network_is_told_apart_by_what_it_can_notice(tmp_path: Path) -> None:
    write_cell(tmp_path, training={"tasks_per_batch": 1, "ways": 20}, evaluation={"ensemble": 5})
    write_cell(tmp_path, training={"iterations": 0}, status="queued")
    assert [row.setting for row in rows(tmp_path)] == ["iterations=0", "iterations=300"]
    write_cell(tmp_path, training={"tasks_per_batch": 1})
    assert [row.setting for row in rows(tmp_path)] == [
        "iterations=0",
        "iterations=300, ensemble=1, ways=default",
        "iterations=300, ensemble=5, ways=20",
    ]


def test_a_copied_cell_counts_once(tmp_path: Path) -> None:
    write_cell(tmp_path, [0.9], name="one")
    write_cell(tmp_path, [0.9], name="one-copy")
    (row,) = rows(tmp_path)
    assert (row.n, row.group.planned) == (1, 1)


def test_unfinished_seeds_are_counted_as_planned(tmp_path: Path) -> None:
    write_cell(tmp_path, [0.9], seed=0)
    write_cell(tmp_path, seed=1, status="running")
    write_cell(tmp_path, seed=1, status="queued", backbone="resnet-4")
    resnet, vgg = rows(tmp_path)
    assert (vgg.n, vgg.group.planned, vgg.mean) == (1, 2, 0.9)
    assert (resnet.n, resnet.group.planned) == (0, 1)
    assert math.isnan(resnet.mean)


def test_the_order_is_the_papers(tmp_path: Path) -> None:
    for backbone in ("vgg", "densenet-8", "resnet-4", "resnet-12"):
        for optimizer in ("sgd", "adam"):
            write_cell(tmp_path, backbone=backbone, inner_optimizer=optimizer)
    write_cell(tmp_path, ways=20)
    write_cell(tmp_path, dataset="mini-imagenet", split="ravi")
    places = [
        tuple(row.group.axes[key] for key in ("dataset", "ways", "backbone", "inner_optimizer"))
        for row in rows(tmp_path)
    ]
    assert places == [
        ("mini-imagenet", 5, "vgg", "sgd"),
        *(
            ("omniglot", 5, net, opt)
            for net in ("densenet-8", "resnet-12", "resnet-4", "vgg")
            for opt in ("adam", "sgd")
        ),
        ("omniglot", 20, "vgg", "sgd"),
    ]


def test_the_gain_is_paired_by_task_and_seed(tmp_path: Path) -> None:
    write_cell(tmp_path, (0.9, 0.8, 1.0, 0.7), seed=0)
    write_cell(tmp_path, (0.7, 0.8, 1.0, 0.9), seed=1)
    write_cell(tmp_path, (0.5, 0.6, 0.4, 0.7), seed=0, training={"iterations": 0})
    write_cell(tmp_path, (0.5, 0.4, 0.8, 0.3), seed=1, training={"iterations": 0})
    (row,) = rows(tmp_path)
    # by task: (0.4 + 0.2) / 2, (0.2 + 0.4) / 2, (0.6 + 0.2) / 2, (0.0 + 0.6) / 2
    differences = (0.3, 0.3, 0.4, 0.3)
    mean = sum(differences) / 4
    error = math.sqrt(sum((value - mean) ** 2 for value in differences) / 3 / 4)
    assert row.untrained == pytest.approx((0.55 + 0.5) / 2)
    assert row.gain is not None
    assert row.gain == pytest.approx((mean, error, 2))


def test_seeds_without_a_pair_are_left_out_of_the_gain(tmp_path: Path) -> None:
    write_cell(tmp_path, (0.9, 0.7), seed=0)
    write_cell(tmp_path, (0.1, 0.1), seed=1)
    write_cell(tmp_path, (0.5, 0.5), seed=0, training={"iterations": 0})
    (row,) = rows(tmp_path)
    assert row.gain is not None
    assert row.gain == pytest.approx((0.3, 0.1, 1))


@pytest.mark.parametrize(
    "change", [{"split_hash": "x"}, {"queries": 15}, {"evaluation_seed": 1}, {"inner_steps_test": 1}]
)
def test_a_network_measured_otherwise_is_no_twin(tmp_path: Path, change: dict[str, object]) -> None:
    write_cell(tmp_path)
    write_cell(tmp_path, [0.5], training={"iterations": 0}, fingerprint=change)
    trained, untrained = sorted(rows(tmp_path), key=lambda row: -row.mean)
    assert math.isnan(trained.untrained)
    assert trained.gain is None
    assert untrained.setting.startswith("iterations=0")


def test_of_several_untrained_networks_the_nearest_is_the_twin(tmp_path: Path) -> None:
    write_cell(tmp_path, [0.9], options={"lr": 0.01})
    write_cell(tmp_path, [0.5], training={"iterations": 0}, options={"lr": 0.1})
    write_cell(tmp_path, [0.4], training={"iterations": 0, "tasks_per_batch": 2}, options={"lr": 0.01})
    found = {row.group.iterations: row for row in rows(tmp_path)}
    assert found[300].untrained == pytest.approx(0.4)
    assert found[300].twin.differs == ()


def test_a_twin_with_another_setting_says_so(tmp_path: Path) -> None:
    write_cell(tmp_path, [0.9], options={"lr": 0.01})
    write_cell(tmp_path, [0.5], training={"iterations": 0})
    assert rows(tmp_path)[0].twin.differs == ("inner_optimizer_options.lr",)


def test_what_training_alone_can_notice_makes_no_other_twin(tmp_path: Path) -> None:
    write_cell(tmp_path, [0.9], training={"ways": 20, "shots": 5}, evaluation={"both_batch_norms": True})
    write_cell(tmp_path, [0.5], training={"iterations": 0})
    (row,) = rows(tmp_path)
    assert (row.untrained, row.twin.differs) == (0.5, ())


def test_two_kinds_of_batch_norm_are_two_rows_each_paired_with_its_own_kind(tmp_path: Path) -> None:
    both = {"both_batch_norms": True}
    write_cell(tmp_path, (0.9, 0.7), also={"inductive": (0.6, 0.8)}, evaluation=both, test_ci95=0.02)
    write_cell(
        tmp_path, (0.5, 0.5), also={"inductive": (0.1, 0.5)}, evaluation=both, training={"iterations": 0}, name="idle"
    )
    first, second = rows(tmp_path)
    assert [(row.batch_norm, row.setting, row.n, row.group.planned) for row in (first, second)] == [
        ("transductive", "", 1, 1),
        ("inductive", "", 1, 1),
    ]
    assert (first.mean, first.ci95, first.untrained) == (pytest.approx(0.8), 0.02, 0.5)
    assert (second.mean, second.ci95, second.untrained) == (pytest.approx(0.7), 0.01, pytest.approx(0.3))
    assert first.gain == pytest.approx((0.3, 0.1, 1))
    assert second.gain == pytest.approx((0.4, 0.1, 1))
    assert (first.paper is None, second.paper is None) == (False, True)


def test_a_twin_tested_with_one_kind_of_batch_norm_is_the_twin_of_one_row(tmp_path: Path) -> None:
    write_cell(tmp_path, (0.9, 0.7), also={"inductive": (0.6, 0.8)}, evaluation={"both_batch_norms": True})
    write_cell(tmp_path, (0.5, 0.5), training={"iterations": 0}, name="idle")
    first, second = rows(tmp_path)
    assert (first.untrained, first.twin.differs) == (0.5, ())
    assert math.isnan(second.untrained)
    assert second.gain is None


def test_twins_belong_to_their_learner(tmp_path: Path) -> None:
    reptile = {"learner": "reptile", "fingerprint": {"inner_steps_test": 50}, "evaluation": {"inner_steps": 50}}
    for learner, trained, untrained in (({"learner": "maml++"}, 0.9, 0.7), (reptile, 0.8, 0.5)):
        write_cell(tmp_path, [trained] * 4, **learner)  # type: ignore[arg-type]
        write_cell(tmp_path, [untrained] * 4, training={"iterations": 0}, **learner)  # type: ignore[arg-type]
    assert {row.group.axes["learner"]: (row.mean, row.untrained) for row in rows(tmp_path)} == {
        "maml++": (0.9, 0.7),
        "reptile": (0.8, 0.5),
    }


def test_an_untrained_network_alone_is_a_row_that_says_so(tmp_path: Path) -> None:
    write_cell(tmp_path, [0.5], training={"iterations": 0})
    (row,) = rows(tmp_path)
    assert row.setting == "untrained"


@pytest.mark.parametrize("damage", ["missing", "torn", "other tasks", "other numbers"])
def test_episodes_that_cannot_be_paired_are_named(tmp_path: Path, damage: str) -> None:
    folder = write_cell(tmp_path, (0.9, 0.7))
    write_cell(tmp_path, (0.5, 0.5), training={"iterations": 0})
    file = folder / "episodes.parquet"
    if damage == "missing":
        file.unlink()
    elif damage == "torn":
        file.write_bytes(file.read_bytes()[:100])
    else:
        write_episodes(folder, (0.9, 0.8, 0.7) if damage == "other tasks" else (0.9, 0.1))
    (row,), remarks = rows_of(grouped(read_cells(tmp_path)))
    assert row.gain is None
    assert row.untrained == 0.5
    assert len(remarks) == 1
    assert folder.name in remarks[0]


def test_the_papers_value_stands_beside_its_learner_alone_case_blind(tmp_path: Path) -> None:
    write_cell(tmp_path, [0.99], backbone="VGG", inner_optimizer="SGD")
    write_cell(tmp_path, [0.99], learner="maml", inner_optimizer="adam")
    write_cell(tmp_path, [0.99], learner="reptile", inner_optimizer="adam", fingerprint={"batch_norm": "inductive"})
    write_cell(tmp_path, [0.99], learner="finetune")
    write_cell(tmp_path, [0.99], backbone="resnet-8")
    found = {(row.group.axes["learner"], row.group.axes["backbone"]): row for row in rows(tmp_path)}
    assert found["maml++", "VGG"].paper == (99.62, 0.08)
    assert found["maml++", "VGG"].difference == pytest.approx(99.0 - 99.62)
    assert found["maml", "vgg"].paper is None
    assert found["reptile", "vgg"].paper == (95.39, 0.09)
    assert found["finetune", "vgg"].paper is None
    assert found["maml++", "resnet-8"].paper is None


def test_the_tidy_table_is_in_percent(tmp_path: Path) -> None:
    write_cell(tmp_path, [0.99], seed=0)
    write_cell(tmp_path, [0.97], seed=4)
    row = tidy(rows(tmp_path)).iloc[0]
    assert (row["mean_accuracy"], row["n"], row["seeds"]) == (98.0, 2, "0 4")
    assert row["std_over_seeds"] == pytest.approx(math.sqrt(2), abs=1e-6)
    assert row["difference_to_paper"] == pytest.approx(98 - 99.62)
