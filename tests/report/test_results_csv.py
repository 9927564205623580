"""Cells on disk as rows: everything is there, nothing is believed that is torn."""

import json
import random
from pathlib import Path

import pandas as pd
import pytest

from fewshot_bench.basics.errors import BenchError
from fewshot_bench.cells.reading import read_cells
from fewshot_bench.report.results_csv import COLUMNS, cells_table, write_results_csv
from fewshot_bench.report.tables import FORMATS, read_report
from tests.report.factory import FINGERPRINT, write_cell

AGAIN = "run the grid again"
AWAY = f"move the cell's folder away and {AGAIN}"
PROMISED = [
    *("dataset", "split", "ways", "shots", "learner", "backbone", "inner_optimizer", "seed", "status", "reason"),
    *("iterations", "val_accuracy", "test_accuracy", "test_ci95", "seconds", "split_hash", "queries", "batch_norm"),
    *("rotations", "inner_steps_test", "evaluation_tasks", "evaluation_seed", "ensemble"),
]


def test_a_done_cell_is_a_row_with_its_numbers_and_protocol(tmp_path: Path) -> None:
    folder = write_cell(tmp_path, (1.0, 0.5), seed=3, val_accuracy=0.7, test_ci95=0.02)
    row = cells_table(read_cells(tmp_path)).iloc[0]
    assert list(COLUMNS[: len(PROMISED)]) == PROMISED
    assert (row["dataset"], row["ways"], row["seed"], row["status"], row["reason"]) == ("omniglot", 5, 3, "done", "")
    assert (row["val_accuracy"], row["test_accuracy"], row["test_ci95"]) == (0.7, 0.75, 0.02)
    assert (row["iterations"], row["seconds"], row["cell"]) == (300, 12.5, folder.name)
    assert row["split_hash"] == FINGERPRINT["split_hash"]


def test_results_csv_says_the_same_and_is_the_same_every_time(tmp_path: Path) -> None:
    write_cell(tmp_path, seed=1)
    write_cell(tmp_path, status="failed", reason="loss became nan", seed=0)
    path = write_results_csv(tmp_path)
    first = path.read_bytes()
    table = pd.read_csv(path)
    assert path == tmp_path / "results.csv"
    assert table["seed"].tolist() == [0, 1]
    assert table["status"].tolist() == ["failed", "done"]
    assert table["iterations"].tolist() == [7, 300]
    assert table["test_accuracy"].isna().tolist() == [True, False]
    assert write_results_csv(tmp_path).read_bytes() == first


def test_cells_that_differ_in_settings_alone_are_told_apart(tmp_path: Path) -> None:
    write_cell(tmp_path, training={"iterations": 0})
    write_cell(tmp_path)
    write_cell(tmp_path, status="queued", options={"lr": 0.01})
    table = cells_table(read_cells(tmp_path))
    assert sorted(table["setting"]) == [
        "iterations=0, lr=default",
        "iterations=300, lr=0.01",
        "iterations=300, lr=default",
    ]
    assert table["cell"].is_unique


def test_the_ensemble_is_the_number_of_members_used(tmp_path: Path) -> None:
    folder = write_cell(tmp_path, fingerprint={"ensemble": 5})
    content = json.loads((folder / "result.json").read_text()) | {"ensemble": 2}
    (folder / "result.json").write_text(json.dumps(content))
    assert cells_table(read_cells(tmp_path))["ensemble"].tolist() == [2]


def test_both_kinds_of_batch_norm_have_a_row(tmp_path: Path) -> None:
    write_cell(tmp_path, (0.9, 0.7), also={"inductive": (0.6, 0.5)}, val_accuracy=0.75)
    table = cells_table(read_cells(tmp_path))
    assert table["batch_norm"].tolist() == ["transductive", "inductive"]
    assert table["test_accuracy"].tolist() == [0.8, 0.55]
    assert table["val_accuracy"].tolist() == [0.75, 0.75]
    assert table["cell"].nunique() == 1


def test_a_second_test_that_holds_no_fractions_is_not_believed(tmp_path: Path) -> None:
    folder = write_cell(tmp_path, (0.9, 0.7), also={"inductive": (0.6, 0.5)})
    content = json.loads((folder / "result.json").read_text())
    for broken in ({"test_accuracy": 60.0, "test_ci95": 0.1}, {"test_accuracy": 0.6}, 0.6, None):
        (folder / "result.json").write_text(json.dumps(content | {"test_inductive": broken}))
        row = cells_table(read_cells(tmp_path)).iloc[0]
        assert row["status"] == "failed"
        assert "`test_inductive` holds no fractions" in row["reason"]


def test_metrics_of_a_learner_of_its_own_do_not_disturb(tmp_path: Path) -> None:
    folder = write_cell(tmp_path)
    lines = [{"iteration": 1, "loss": 1.0, "inner_residual": 0.1, "solver_residual": 1e-9}, {"iteration": 1}]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert cells_table(read_cells(tmp_path))["status"].tolist() == ["done"]
    assert all(write(read_report(tmp_path)) for write in FORMATS.values())


def test_a_configuration_that_was_changed_is_not_believed(tmp_path: Path) -> None:
    folder = write_cell(tmp_path)
    config = (folder / "config.toml").read_text()
    (folder / "config.toml").write_text(config.replace("ways = 5", "ways = 20"))
    row = cells_table(read_cells(tmp_path)).iloc[0]
    assert row["status"] == "failed"
    assert "config.toml was changed, or its folder renamed" in row["reason"]


def test_a_result_of_another_cell_is_not_believed(tmp_path: Path) -> None:
    folder = write_cell(tmp_path)
    (folder / "result.json").write_text((folder / "result.json").read_text().replace(folder.name, "another"))
    row = cells_table(read_cells(tmp_path)).iloc[0]
    assert row["status"] == "failed"
    assert "result.json is that of another" in row["reason"]


@pytest.mark.parametrize(
    ("file", "content", "status", "words"),
    [
        ("config.toml", "dataset = ", "failed", f"config.toml is torn or was edited; {AWAY}"),
        ("config.toml", 'dataset = "omniglot"', "failed", f"`learner` is None, not a name; {AWAY}"),
        ("config.toml", None, "failed", f"config.toml is missing; {AWAY}"),
        ("status.json", '{"status": "do', "failed", f"status.json is torn or was edited; {AGAIN}"),
        ("status.json", '{"status": "asleep"}', "failed", f"unknown status 'asleep'; {AGAIN}"),
        ("status.json", "[]", "failed", "holds no table"),
        ("result.json", None, "failed", f"result.json is missing; {AGAIN}"),
        ("result.json", '{"test_accuracy": 0.', "failed", f"done, but result.json is torn or was edited; {AGAIN}"),
        ("result.json", '{"test_accuracy": 93.7}', "failed", "93.7, not a fraction"),
        ("result.json", '{"test_accuracy": NaN}', "failed", "nan, not a fraction"),
        ("status.json", None, "done", ""),
    ],
)
def test_a_broken_file_is_named_in_a_sentence(
    tmp_path: Path, file: str, content: str | None, status: str, words: str
) -> None:
    folder = write_cell(tmp_path)
    (folder / file).unlink()
    if content is not None:
        (folder / file).write_text(content)
    row = cells_table(read_cells(tmp_path)).iloc[0]
    assert row["status"] == status
    assert words in row["reason"]
    assert "line" not in row["reason"]  # a parser's words


def test_a_result_that_the_grid_takes_for_whole_has_to_be_moved_away(tmp_path: Path) -> None:
    folder = write_cell(tmp_path)
    (folder / "result.json").write_text(json.dumps({"cell": folder.name, "test_accuracy": 93.7}))
    assert cells_table(read_cells(tmp_path))["reason"].tolist() == [
        f"status.json says done, but result.json: `test_accuracy` is 93.7, not a fraction; {AWAY}"
    ]


def test_a_cell_with_a_configuration_alone_is_queued(tmp_path: Path) -> None:
    folder = write_cell(tmp_path, status="queued")
    (folder / "status.json").unlink()
    assert cells_table(read_cells(tmp_path))["status"].tolist() == ["queued"]


def test_files_of_others_are_passed_over(tmp_path: Path) -> None:
    write_cell(tmp_path)
    (tmp_path / "cells" / "notes.txt").write_text("mine")
    (tmp_path / "cells" / "thumbnails").mkdir()
    (tmp_path / "cells" / ".trash").mkdir()
    assert len(cells_table(read_cells(tmp_path))) == 1


def test_a_folder_that_is_not_there_or_holds_no_cells_is_said(tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    with pytest.raises(BenchError, match=r"did you mean 'results'\?"):
        cells_table(read_cells(tmp_path / "result"))
    with pytest.raises(BenchError, match="holds no cells"):
        cells_table(read_cells(tmp_path / "results"))


def test_no_damage_to_a_file_is_a_traceback(tmp_path: Path) -> None:
    folder = write_cell(tmp_path)
    write_cell(tmp_path, training={"iterations": 0})
    rng = random.Random(0)
    for name in ("config.toml", "status.json", "result.json"):
        whole = (folder / name).read_bytes()
        for _ in range(30):
            torn = bytearray(whole[: rng.randrange(len(whole))] if rng.random() < 0.3 else whole)
            for _ in range(rng.randrange(4)):
                torn[rng.randrange(len(torn) or 1) : rng.randrange(len(torn) or 1)] = rng.randbytes(rng.randrange(3))
            (folder / name).write_bytes(torn)
            assert len(cells_table(read_cells(tmp_path))) == 2
            assert all(write(read_report(tmp_path)) for write in FORMATS.values())
        (folder / name).write_bytes(whole)
