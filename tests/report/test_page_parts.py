"""What stands on the page, against numbers worked out by hand."""

import math
import tomllib
from pathlib import Path

import numpy as np
import pytest

from fewshot_bench.cells.reading import read_cells
from fewshot_bench.grid.expand import expand
from fewshot_bench.grid.files import GridFile
from fewshot_bench.report.page.against_published import against_figure, against_table, z_score
from fewshot_bench.report.page.cost import ScatterPanels, cost_figure, cost_table
from fewshot_bench.report.page.drawing import Frame, band, line, ticks
from fewshot_bench.report.page.folder import environment_table, grid_file
from fewshot_bench.report.page.learning import POINTS, blocks, learned
from fewshot_bench.report.page.page import page
from fewshot_bench.report.page.rates import ROOM, folded, learned_rates, thinned
from fewshot_bench.report.results import read_results
from fewshot_bench.report.rows import Row
from fewshot_bench.report.table import Table
from tests.report.factory import write_cell, write_hyperparameters
from tests.report.page_factory import changed, with_epochs

REFERENCE = Path(__file__).resolve().parents[2] / "results" / "reference"


def rows(directory: Path) -> list[Row]:
    return list(read_results(directory).rows)


def field(table: Table | None, title: str, row: int = 0, group: str = "") -> str:
    assert table is not None
    column = next(i for i, one in enumerate(table.columns) if (one.title, one.group) == (title, group))
    return table.rows[row][column].text


def test_z_is_the_difference_over_both_standard_errors(tmp_path: Path) -> None:
    for seed, accuracy in enumerate((0.98, 0.99, 1.0)):
        write_cell(tmp_path, (accuracy, accuracy), seed=seed)
    (row,) = rows(tmp_path)
    # Table 2: 99.62 and 0.08 over 3 seeds; here 99.00 and 1.00 over 3: -0.62 / sqrt(1/3 + 0.0064/3)
    score, why = z_score(row)
    assert (score, why) == (pytest.approx(-1.070452, abs=1e-5), "")
    table = against_table([row])
    assert field(table, "z") == "-1.1"
    assert [field(table, title, group="here") for title in ("mean", "±", "± is", "n")] == [
        "99.00",
        "1.00",
        "std, seeds",
        "3",
    ]
    assert [field(table, title, group="published") for title in ("mean", "±")] == ["99.62", "0.08"]
    assert field(table, "diff") == "-0.62"
    assert table is not None
    assert any("Suspect" in note for entry in table.rows[0] for note in entry.notes)


def test_without_two_seeds_or_a_std_there_is_no_z_and_the_table_says_why(tmp_path: Path) -> None:
    write_cell(tmp_path)
    theirs = {"inner_steps_test": 3, "ensemble": 1}
    write_cell(tmp_path, learner="maml", seed=0, fingerprint=theirs)
    write_cell(tmp_path, learner="maml", seed=1, fingerprint=theirs)
    one, quoted = sorted(rows(tmp_path), key=lambda row: row.n)
    assert math.isnan(z_score(one)[0])
    assert "one seed" in z_score(one)[1]
    assert "not a standard deviation" in z_score(quoted)[1]
    table = against_table([one, quoted])
    assert [field(table, "z", row) for row in range(2)] == ["-", "-"]
    assert field(table, "± is", 0, "here") == "95 %, tasks"
    assert field(table, "± is", 1, "published") == "95 %, tasks"


def test_seeds_that_agree_beside_a_published_spread(tmp_path: Path) -> None:
    for seed in range(2):
        write_cell(tmp_path, (0.9, 0.9), seed=seed)
    (row,) = rows(tmp_path)
    assert z_score(row)[0] == pytest.approx((90 - 99.62) / (0.08 / math.sqrt(3)), rel=1e-9)


def test_what_nobody_published_is_not_compared(tmp_path: Path) -> None:
    write_cell(tmp_path, dataset="glyphs")
    assert against_table(rows(tmp_path)) is None
    assert against_figure(rows(tmp_path)) is None


def test_a_curve_is_the_mean_over_seeds_and_begins_untrained(tmp_path: Path) -> None:
    for seed, accuracies in enumerate(([0.6, 0.8], [0.7, 0.9], [0.8, 0.7])):
        with_epochs(write_cell(tmp_path, seed=seed), accuracies)
        write_cell(tmp_path, seed=seed, training={"iterations": 0}, val_accuracy=0.2 + 0.1 * seed)
    (curve,) = learned(read_results(tmp_path).groups)
    assert curve.steps == (0, 100, 200)
    assert curve.mean == pytest.approx((0.3, 0.7, 0.8))
    assert curve.std == pytest.approx((0.1, 0.1, 0.1))
    (block,) = blocks([curve])
    (panel,) = block.panels
    assert [mark.look.split()[0] for mark in panel.marks].count("band") == 1
    assert "80.0 % after 200 meta-steps" in panel.says


def test_curves_of_regression_are_errors_and_not_percent(tmp_path: Path) -> None:
    facts = {"fingerprint": {"loss": "squared-error"}, "dataset": "sinusoid", "ways": 1}
    with_epochs(write_cell(tmp_path, [-0.9, -1.1], val_accuracy=-1.25, **facts), [-4.0, -1.25])
    write_cell(tmp_path, [-5.0, -5.0], training={"iterations": 0}, val_accuracy=-6.5, **facts)
    (curve,) = learned(read_results(tmp_path).groups)
    assert curve.mean == pytest.approx((6.5, 4.0, 1.25))
    (panel,) = blocks([curve])[0].panels
    assert "untrained MSE 6.5, MSE 1.25 after 200 meta-steps" in panel.says
    assert "chance" not in [mark.look for mark in panel.marks]
    html = page(tmp_path)
    assert "(of regression the mean squared error)" in html
    assert "Protocol: " in html
    assert "Few-shot learning: cells" in html


def test_one_seed_has_a_curve_without_a_band_and_a_long_one_is_thinned(tmp_path: Path) -> None:
    with_epochs(write_cell(tmp_path), [place / 1000 for place in range(1, 151)], every=2)
    (curve,) = learned(read_results(tmp_path).groups)
    assert (len(curve.steps), curve.steps[-1], curve.mean[-1]) == (POINTS, 300, pytest.approx(0.15))
    assert np.isnan(curve.std).all()
    assert not [mark for mark in blocks([curve])[0].panels[0].marks if mark.look.startswith("band")]


def test_a_line_goes_through_its_points(tmp_path: Path) -> None:
    frame = Frame(x=(0, 10), y=(0, 1), width=100, height=50, left=0, right=0, top=0, bottom=0)
    assert line(frame, [0, 5, 10], [0, math.nan, 1]) == "M0 50 100 0"
    assert band(frame, [0, 10], [0, 0.5], [0.5, 1]) == "M0 25 100 0L100 25 0 50Z"
    assert band(frame, [0, 10], [0, math.nan], [1, 1]) == ""


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (0, 75_000, [0, 20_000, 40_000, 60_000]),
        (-0.012, 0.011, [-0.01, -0.005, 0, 0.005, 0.01]),
        (3, 3, [3]),
    ],
)
def test_ticks_are_round(low: float, high: float, expected: list[float]) -> None:
    assert ticks(low, high) == pytest.approx(expected)


def test_cost_is_time_by_meta_step(tmp_path: Path) -> None:
    for seed, seconds in enumerate((30.0, 60.0)):
        changed(
            write_cell(tmp_path, seed=seed) / "status.json",
            seconds=seconds,
            peak_memory=2**20 * (seed + 5),
            plan={"replicas": 2},
        )
    table = cost_table(rows(tmp_path))
    titles = ("seconds", "s per meta-step", "peak MiB", "parameters", "meta-steps", "n")
    assert [field(table, title) for title in titles] == ["45.0", "0.150", "6", "112,261", "300", "2"]
    assert table is not None
    assert any("beyond what it had when the seed began" in text for text in table.under)
    assert any("side by side" in note for entry in table.rows[0] for note in entry.notes)


def test_environments_are_counted_without_their_hosts(tmp_path: Path) -> None:
    for seed, torch in enumerate(("2.6", "2.15", "2.15")):
        changed(write_cell(tmp_path, seed=seed) / "status.json", environment={"torch": torch, "host": f"h{seed}"})
    table = environment_table(read_cells(tmp_path))
    assert table is not None
    assert [column.title for column in table.columns] == ["cells", "torch"]
    assert [[entry.text for entry in row] for row in table.rows] == [["2", "2.15"], ["1", "2.6"]]


def test_figures_of_rates_stay_within_their_room(tmp_path: Path) -> None:
    lines = {("lr", f"layers.{layer}.weight"): np.linspace(0.1, 0.2, 200).tolist() for layer in range(40)}
    write_hyperparameters(write_cell(tmp_path), lines)
    (rates,) = learned_rates(read_results(tmp_path).groups).rates
    assert rates.drawn == 40
    assert thinned(rates, 7).iterations.tolist()[::6] == [0, rates.iterations[-1]]
    few, none_left = folded([rates])
    many, left = folded([rates] * 200)
    assert (len(few), none_left) == (1, 0)
    assert len(many) + left == 200
    assert left > 0
    marks = [mark for one in many for row in one.rows for panel in row for mark in panel.marks]
    size = sum(len(mark.path) + len(mark.says) + 60 for mark in marks)
    assert 0.3 * ROOM < size <= 1.1 * ROOM


def test_rates_are_those_of_the_file(tmp_path: Path) -> None:
    folder = write_cell(tmp_path)
    for step in range(2):
        write_hyperparameters(
            folder, {("lr", "a.weight"): [0.1, 0.2 + step], ("lr", "b.weight"): [0.1, 0.4 + step]}, inner_step=step
        )
    (rates,) = learned_rates(read_results(tmp_path).groups).rates
    assert [(each.hyperparameter, each.step, each.values.tolist()) for each in rates.lines] == [
        ("lr", 0, [[0.1, 0.1], [0.2, 0.4]]),
        ("lr", 1, [[0.1, 0.1], [1.2, 1.4]]),
    ]


def test_rates_that_are_not_in_the_folder_are_not_said_to_be_none(tmp_path: Path) -> None:
    for learner in ("maml++", "reptile"):
        write_cell(tmp_path / "bare", learner=learner)
    assert learned_rates(read_results(tmp_path / "bare").groups)[:3] == ((), ("maml++", "reptile"), ())
    assert "Not recorded in this folder: what maml++, reptile learned" in page(tmp_path / "bare")
    write_hyperparameters(write_cell(tmp_path / "none", learner="reptile"), {("lr", "a.weight"): []})
    assert "No finished cell here learned anything beside its weights." in page(tmp_path / "none")
    assert "Not recorded" not in page(tmp_path / "none")


@pytest.mark.parametrize("name", ["learners-cpu", "imaml-omniglot-cpu"])
def test_the_grid_file_names_exactly_the_cells_of_the_folder(name: str) -> None:
    cells = read_cells(REFERENCE / name)
    found = expand(GridFile("grid", "grid.toml", tomllib.loads(grid_file(cells))))
    assert sorted(cell.id for cell in found) == [cell.name for cell in cells]


def test_a_grid_file_has_as_few_tables_as_its_combinations_allow(tmp_path: Path) -> None:
    for dataset, split in (("omniglot", "gimli"), ("mini-imagenet", "ravi")):
        for ways in (5, 20) if dataset == "omniglot" else (5,):
            for seed in range(2):
                write_cell(tmp_path, dataset=dataset, split=split, ways=ways, seed=seed)
    mini, omniglot = tomllib.loads(grid_file(read_cells(tmp_path)))["cells"]
    assert (mini["dataset"], mini["ways"], mini["seed"]) == ("mini-imagenet", 5, [0, 1])
    assert (omniglot["dataset"], omniglot["ways"], omniglot["seed"]) == ("omniglot", [5, 20], [0, 1])


def figure(directory: Path, **seconds: float | None) -> ScatterPanels | None:
    for learner, value in seconds.items():
        changed(write_cell(directory, learner=learner) / "status.json", seconds=value)
    rows = list(read_results(directory).rows)
    return cost_figure(rows)


@pytest.mark.parametrize("short", [0.0, 0.0004, 0.05])
def test_a_cell_that_took_next_to_nothing_is_drawn_within_the_frame(tmp_path: Path, short: float) -> None:
    found = figure(tmp_path, reptile=short, maml=700.0)
    assert found is not None
    (panel,) = found.panels
    dots = [mark for mark in panel.marks if mark.look.startswith("dot")]
    assert len(dots) == 2
    places = sorted(float(mark.path.removeprefix("M").split()[0]) for mark in dots)
    assert 40 <= places[0] < places[1] <= panel.width


def test_who_recorded_no_seconds_is_left_out(tmp_path: Path) -> None:
    assert figure(tmp_path, reptile=None, maml=700.0) is None
