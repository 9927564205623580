"""What is kept of a run makes its tables; what is kept of a run under way goes on to the same bytes."""

import json
import shutil

import pytest
import torch

from benchmarks import keep_reference
from fewshot_bench.api.loading import load_cell
from fewshot_bench.basics.lease import lease
from fewshot_bench.cells import folders
from fewshot_bench.cells.reading import read_cells
from fewshot_bench.data.datasets import data_of
from fewshot_bench.grid.cell_run import Listener
from fewshot_bench.grid.expand import expand
from fewshot_bench.grid.files import GridFile
from fewshot_bench.grid.inline import run_cells
from fewshot_bench.report.results_csv import write_results_csv
from fewshot_bench.report.tables import FORMATS, read_report
from fewshot_bench.training.replica import Interrupted
from tests.tiny import tiny_grid

SIX, TWIN = {"iterations": 6, "iterations_per_epoch": 2}, [{"training": {"iterations": 0}}]


def listener(stop):
    return Listener(lambda cell, moment: None, lambda cell, status, reason: None, stop)


@pytest.fixture
def run(pattern_data, pattern_pool):
    """Runs an untrained cell and its twin of six meta-steps, or stops when so often asked. Returns their folders."""

    def running(directory, calls=10**6):
        trained, twin = expand(GridFile("grid", "the grid", tiny_grid(training=SIX) | {"cells": TWIN}))
        cells = [twin, trained]
        folders.enroll(directory, cells)
        left = iter(range(calls))
        run_cells(
            cells,
            directory,
            {data_of(trained): pattern_pool},
            "cpu",
            listener(lambda: next(left, None) is None),
        )
        return [directory / "cells" / cell.id for cell in cells]

    return running


@pytest.fixture
def stopped(run, tmp_path):
    """A run whose untrained twin is finished, and whose trained cell stopped on the way."""
    with pytest.raises(Interrupted):
        run(tmp_path / "run", calls=9)
    return tmp_path / "run"


def test_a_kept_run_has_the_same_tables_as_the_run(run, tmp_path):
    run(tmp_path / "run")
    source, kept = tmp_path / "run", tmp_path / "kept"
    assert keep_reference.main([str(source), str(kept)]) == 0
    assert FORMATS["markdown"](read_report(kept)) == FORMATS["markdown"](read_report(source))
    assert {path.suffix for path in kept.rglob("*.*")} == {".toml", ".json", ".parquet", ".csv", ".png"}
    assert (kept / "results.csv").read_text() == write_results_csv(source).read_text()
    assert {path.suffix for path in (kept / "figures").iterdir()} == {".png", ".csv"}


def test_with_its_checkpoints_a_kept_cell_can_be_loaded(run, tmp_path):
    _, trained = run(tmp_path / "run")
    assert keep_reference.main([str(tmp_path / "run"), str(tmp_path / "kept"), "--checkpoints"]) == 0
    kept = tmp_path / "kept" / "cells" / trained.name
    assert len(list((kept / "checkpoints").iterdir())) < len(list((trained / "checkpoints").iterdir()))
    for ours, theirs in zip(load_cell(kept).members, load_cell(trained).members, strict=True):
        assert all(torch.equal(value, theirs[name]) for name, value in ours.items())


def test_a_run_under_way_goes_on_from_what_was_kept(stopped, run, tmp_path):
    kept, elsewhere = tmp_path / "kept", tmp_path / "elsewhere"
    said = keep_reference.keep(stopped, kept)
    assert sum("kept to go on from meta-step" in line for line in said) == 1
    assert sum("finished" in line for line in said) == 1
    for folder in (kept / "cells", kept / "resume" / "cells"):
        shutil.copytree(folder, elsewhere / "cells", dirs_exist_ok=True)
    whole, resumed = run(tmp_path / "whole"), run(elsewhere)
    for one, other in zip(resumed, whole, strict=True):
        assert (one / "result.json").read_bytes() == (other / "result.json").read_bytes()
        assert (one / "hyperparameters.parquet").read_bytes() == (other / "hyperparameters.parquet").read_bytes()
    assert not (resumed[0] / "metrics.jsonl").exists()  # the twin was finished, and not run again
    first = [json.loads((folder / "metrics.jsonl").read_text().splitlines()[0]) for folder in (whole[1], resumed[1])]
    assert first[0]["iteration"] == 1 < first[1]["iteration"]  # it did go on

    run(stopped)
    assert all(line.endswith(": finished.") for line in keep_reference.keep(stopped, kept))
    assert not (kept / "resume").exists()


def test_what_is_too_large_to_be_committed_is_left_out(stopped, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(keep_reference, "MOST", 1000)
    assert keep_reference.main([str(stopped), str(tmp_path / "kept")]) == 0
    assert "more than the 0 that may be" in capsys.readouterr().out
    assert len(list((tmp_path / "kept" / "cells").iterdir())) == 1 and not (tmp_path / "kept" / "resume").exists()


def test_a_run_that_does_not_stand_still_is_left_out(stopped, tmp_path):
    (cell,) = (one.folder for one in read_cells(stopped) if one.status != "done")
    with lease(cell, lambda line: None):
        said = keep_reference.keep(stopped, tmp_path / "kept")
    assert sum("another process is running it" in line and "stop it first" in line for line in said) == 1
    assert not (tmp_path / "kept" / "resume").exists()


def test_a_folder_without_cells_is_a_sentence(tmp_path, capsys):
    assert keep_reference.main([str(tmp_path), str(tmp_path / "kept")]) == 1
    assert "holds no cells" in capsys.readouterr().out
