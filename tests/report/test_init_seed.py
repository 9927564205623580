"""Seeds with one init_seed: seed 0 of init_seed = 0 does not name it, and is averaged and paired with the others."""

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from fewshot_bench.cells.reading import read_cells, read_run
from fewshot_bench.report.columns import tidy
from fewshot_bench.report.compare.counterparts import KeyDifference, counterparts, differences
from fewshot_bench.report.compare.paired_tests import paired_tests
from fewshot_bench.report.groups import grouped
from fewshot_bench.report.page.folder import grid_file
from fewshot_bench.report.page.learning import learned
from fewshot_bench.report.page.rates import learned_rates
from fewshot_bench.report.results import read_results
from fewshot_bench.report.results_csv import cells_table
from fewshot_bench.report.rows import Row
from fewshot_bench.report.tables import read_report
from tests.report.factory import write_cell, write_hyperparameters
from tests.report.page_factory import with_epochs

SHARED = ((0, {}), (1, {"init_seed": 0}), (2, {"init_seed": 0}))
"""Seeds, and what of training their config.toml names, of a grid with init_seed = 0."""

ACCURACIES = (0.90, 0.92, 0.97)


def write_shared(directory: Path, accuracies: Sequence[float] = ACCURACIES, **rest: Any) -> list[Path]:
    """Three seeds of init_seed = 0; each has two tasks, 0.01 above its accuracy and 0.01 below."""
    training = rest.pop("training", {})
    return [
        write_cell(directory, (value + 0.01, value - 0.01), seed=seed, training=training | named, **rest)
        for (seed, named), value in zip(SHARED, accuracies, strict=True)
    ]


def rows(directory: Path) -> list[Row]:
    return list(read_results(directory).rows)


def test_seeds_of_one_init_seed_are_one_row(tmp_path: Path) -> None:
    write_shared(tmp_path)
    (row,) = rows(tmp_path)
    assert (row.n, row.group.planned, row.setting) == (3, 3, "")
    assert row.mean == pytest.approx(0.93)
    assert row.std == pytest.approx(0.0360555)  # sqrt((0.03^2 + 0.01^2 + 0.04^2) / 2) = sqrt(0.0013)
    assert row.group.config["training.init_seed"] == 0
    assert cells_table(read_cells(tmp_path))["setting"].tolist() == ["", "", ""]
    assert tidy([row])["seeds"].tolist() == ["0 1 2"]


def test_unfinished_seeds_join_as_well(tmp_path: Path) -> None:
    write_cell(tmp_path, status="queued", seed=0)
    write_cell(tmp_path, [0.9], seed=1, training={"init_seed": 0})
    (row,) = rows(tmp_path)
    assert (row.n, row.group.planned) == (1, 2)


@pytest.mark.parametrize("change", [{"options": {"lr": 0.01}}, {"backbone": "resnet-4"}, {"training": {"queries": 2}}])
def test_a_seed_0_with_another_setting_stays_apart(tmp_path: Path, change: dict[str, Any]) -> None:
    write_cell(tmp_path, seed=0, **change)
    write_cell(tmp_path, seed=1, training={"init_seed": 0})
    assert sorted(row.n for row in rows(tmp_path)) == [1, 1]


def test_other_seeds_without_init_seed_stay_apart(tmp_path: Path) -> None:
    write_cell(tmp_path, seed=1)
    write_cell(tmp_path, seed=2, training={"init_seed": 0})
    assert {row.setting: row.n for row in rows(tmp_path)} == {"init_seed=default": 1, "init_seed=0": 1}


def test_seeds_without_init_seed_are_one_row_as_ever(tmp_path: Path) -> None:
    for seed, value in enumerate(ACCURACIES):
        write_cell(tmp_path, [value], seed=seed)
    (row,) = rows(tmp_path)
    assert (row.n, row.setting) == (3, "")
    assert "training.init_seed" not in row.group.config


def test_where_both_kinds_lie_seed_0_is_of_those_that_share_their_weights(tmp_path: Path) -> None:
    write_shared(tmp_path)
    for seed in (1, 2):
        write_cell(tmp_path, [0.5], seed=seed)
    found = {row.setting: [cell.seed for cell in row.group.cells] for row in rows(tmp_path)}
    assert found == {"init_seed=0": [0, 1, 2], "init_seed=default": [1, 2]}
    by_seed = cells_table(read_cells(tmp_path)).set_index("setting")["seed"]
    assert sorted(by_seed["init_seed=0"]) == [0, 1, 2]


def test_untrained_twins_are_paired_over_all_seeds(tmp_path: Path) -> None:
    write_shared(tmp_path)
    write_shared(tmp_path, (0.5, 0.4, 0.6), training={"iterations": 0})
    (row,) = rows(tmp_path)
    assert (row.untrained, row.twin.differs) == (pytest.approx(0.5), ())
    assert row.gain is not None
    assert (row.gain.mean, row.gain.seeds) == (pytest.approx(0.43), 3)  # (0.40 + 0.52 + 0.37) / 3


def test_an_untrained_seed_0_alone_is_no_other_network(tmp_path: Path) -> None:
    write_shared(tmp_path)
    write_cell(tmp_path, (0.5, 0.5), seed=0, training={"iterations": 0})
    (row,) = rows(tmp_path)
    assert row.twin.differs == ()
    assert row.gain is not None
    assert (row.gain.mean, row.gain.seeds) == (pytest.approx(0.4), 1)
    write_cell(tmp_path, (0.5, 0.5), seed=1, training={"iterations": 0})
    assert rows(tmp_path)[0].twin.differs == ("training.init_seed",)


def test_the_page_has_one_curve_and_one_figure_and_one_grid(tmp_path: Path) -> None:
    for folder in write_shared(tmp_path):
        with_epochs(folder, (0.5, 0.6, 0.7))
        write_hyperparameters(folder, {("lr", "a.weight"): [0.1, 0.2]})
    cells = read_cells(tmp_path)
    assert [(curve.seeds, curve.setting) for curve in learned(grouped(cells))] == [(3, "")]
    assert len(learned_rates(grouped(cells)).rates) == 1
    (table,) = tomllib.loads(grid_file(cells))["cells"]
    assert (table["seed"], table["training"]["init_seed"]) == ([0, 1, 2], 0)


def test_differences_are_over_three_seeds(tmp_path: Path) -> None:
    write_shared(tmp_path)
    write_shared(tmp_path, (0.5, 0.4, 0.6), backbone="resnet-4")
    (table,) = (one for one in read_report(tmp_path).tables if one.name == "differences")
    ((*_, count),) = table.rows
    assert count.text == "3 x 2"


def test_seed_1_against_seed_0_does_not_differ_in_init_seed(tmp_path: Path) -> None:
    zero, one, _ = write_shared(tmp_path)
    (pair,) = counterparts(read_run(one), read_run(zero)).pairs
    assert pair.differing == ("seed",)
    apart = write_cell(tmp_path / "apart", seed=1)
    (pair,) = counterparts(read_run(one), read_run(apart)).pairs
    assert pair.differing == ("training.init_seed",)


def test_runs_of_one_grid_have_one_result(tmp_path: Path) -> None:
    write_shared(tmp_path / "a", (0.5, 0.4, 0.6))
    write_shared(tmp_path / "b")
    pairs = counterparts(read_run(tmp_path / "a"), read_run(tmp_path / "b")).pairs
    assert differences(pairs) == []
    (result,) = paired_tests(pairs)
    assert result.estimate is not None
    assert (result.estimate.mean, result.estimate.seeds) == (pytest.approx(0.43), 3)


def test_runs_with_and_without_init_seed_differ_in_all_seeds_but_that_one(tmp_path: Path) -> None:
    write_shared(tmp_path / "b")
    for seed in range(3):
        write_cell(tmp_path / "a", (0.5, 0.5), seed=seed)
    pairs = counterparts(read_run(tmp_path / "a"), read_run(tmp_path / "b")).pairs
    assert differences(pairs) == [KeyDifference("setting", "training.init_seed", "default", "0", 2)]
    (result,) = paired_tests(pairs)
    assert result.estimate is not None
    assert result.estimate.seeds == 3
