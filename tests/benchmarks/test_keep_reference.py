"""What is kept of a run makes its tables; what is kept of a run under way goes on to the same bytes."""

import shutil

import pytest

from benchmarks import keep_reference
from fewshot_bench.grid import ledger
from fewshot_bench.grid.attempt import Listener
from fewshot_bench.grid.expand import expand
from fewshot_bench.grid.files import GridFile
from fewshot_bench.grid.inline import run_cells
from fewshot_bench.report.collect import write_results_csv
from fewshot_bench.report.document import FORMATS, read_report
from fewshot_bench.training.cell import Interrupted
from tests.library.conftest import grid

SIX = {"iterations": 6, "iterations_per_epoch": 2}


def listener(stop):
    return Listener(lambda cell, moment: None, lambda cell, status, reason: None, stop)


@pytest.fixture
def run(pattern_data, pattern_pool):
    """Runs the cell of GRID for six meta-steps in a folder, or until it has been asked for `calls` moments."""

    def running(directory, calls=10**6):
        cells = expand(GridFile("grid", "the grid", grid(training=SIX)))
        ledger.enroll(directory, cells)
        left = iter(range(calls))
        run_cells(cells, directory, {"omniglot": pattern_pool}, "cpu", listener(lambda: next(left, None) is None))
        return directory / "cells" / cells[0].id

    return running


def test_a_kept_run_has_the_same_tables_as_the_run(run, tmp_path):
    source, kept = run(tmp_path / "run").parent.parent, tmp_path / "kept"
    assert keep_reference.main([str(source), str(kept)]) == 0
    assert FORMATS["markdown"](read_report(kept)) == FORMATS["markdown"](read_report(source))
    assert {path.suffix for path in kept.rglob("*.*")} == {".toml", ".json", ".parquet", ".csv", ".png"}
    assert (kept / "results.csv").read_text() == write_results_csv(source).read_text()
    assert {path.suffix for path in (kept / "figures").iterdir()} == {".png", ".csv"}


def test_a_run_under_way_goes_on_from_what_was_kept(run, tmp_path):
    with pytest.raises(Interrupted):
        run(tmp_path / "run", calls=5)
    (cell,) = (tmp_path / "run" / "cells").iterdir()
    (said,) = keep_reference.keep(tmp_path / "run", tmp_path / "kept")
    assert "kept to go on from" in said and "from 0" not in said
    shutil.copytree(tmp_path / "kept" / "resume", tmp_path / "elsewhere")
    whole, resumed = run(tmp_path / "whole"), run(tmp_path / "elsewhere")
    assert (resumed / "result.json").read_bytes() == (whole / "result.json").read_bytes()
    assert (resumed / "episodes.parquet").read_bytes() == (whole / "episodes.parquet").read_bytes()
    assert len((resumed / "metrics.jsonl").read_text()) < len((whole / "metrics.jsonl").read_text())  # it did go on

    run(tmp_path / "run")
    assert keep_reference.keep(tmp_path / "run", tmp_path / "kept") == [f"{cell.name}: finished."]
    assert not (tmp_path / "kept" / "resume").exists()


def test_what_is_too_large_to_be_committed_is_refused(run, tmp_path, monkeypatch, capsys):
    with pytest.raises(Interrupted):
        run(tmp_path / "run", calls=5)
    monkeypatch.setattr(keep_reference, "MOST", 1000)
    assert keep_reference.main([str(tmp_path / "run"), str(tmp_path / "kept")]) == 1
    assert "more than the 0 that may be" in capsys.readouterr().out
    assert not (tmp_path / "kept").exists()


def test_a_folder_without_cells_is_a_sentence(tmp_path, capsys):
    assert keep_reference.main([str(tmp_path), str(tmp_path / "kept")]) == 1
    assert "holds no cells" in capsys.readouterr().out
