"""Somebody's own network is edited: results of the code as it was are not passed off as those of the code as it is."""

import importlib.metadata
import json
import shutil
import sys
from pathlib import Path

import pandas as pd
import pytest

from fewshot_bench.api.evaluating import evaluate_cell
from fewshot_bench.api.grids import run_grid
from fewshot_bench.api.loading import load_cell
from fewshot_bench.api.sensitivity import sensitivity
from fewshot_bench.basics.errors import BenchError
from fewshot_bench.basics.source_text import parsed_source
from fewshot_bench.cells.code_changes import NOTHING, own_code
from fewshot_bench.cli.main import main
from tests.tiny import tiny_toml

NET = """
from torch import nn
from own_blocks import first

def net(image, ways, *, width: int = 4):
    return nn.Sequential(first(width), nn.Flatten(), nn.Linear(width * 784, ways))
"""
BLOCKS = """
import jinja2
from torch import nn

def first(width):
    return nn.Sequential(nn.Conv2d(1, width, 3, padding=1), nn.ReLU())
"""
EDITED = BLOCKS.replace("nn.ReLU()", "nn.Softplus()")
PLAN = ("--plan", "program=eager,threads=1,tasks_at_once=1,workers=1")  # nothing has to be measured
SMALL = dict.fromkeys(("iterations", "iterations_per_epoch", "tasks_per_batch", "inner_steps"), 1)


def forget() -> None:
    """As a new process has it."""
    for name in ("own_net", "own_blocks"):
        sys.modules.pop(name, None)


@pytest.fixture(autouse=True)
def forgotten(monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # it is told apart by whole seconds and size
    monkeypatch.setattr(sys, "path", list(sys.path))
    forget()
    yield
    forget()


def edit(folder: Path, text: str) -> None:
    (folder / "own_blocks.py").write_text(text)
    forget()


def grid(folder: Path) -> Path:
    axes = {"backbone": ["own_net:net", "vgg"], "learner": ["protonet"]}  # no figures
    (folder / "grid.toml").write_text(tiny_toml(grid=axes, training=SMALL))
    (folder / "own_net.py").write_text(NET)
    edit(folder, BLOCKS)
    return folder / "grid.toml"


@pytest.fixture(scope="module")
def computed(pattern_data, tmp_path_factory):
    """A folder with a grid of an own network and a built-in one, run."""
    folder = tmp_path_factory.mktemp("own")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "dont_write_bytecode", True)
        patch.setattr(sys, "path", list(sys.path))
        assert run(grid(folder), pattern_data) == 0
    return folder


@pytest.fixture
def project(computed, tmp_path, monkeypatch) -> Path:
    """A copy of it to edit, and the folder of the command."""
    copy = Path(shutil.copytree(computed, tmp_path / "project"))
    monkeypatch.chdir(copy)
    return copy


def run(grid: Path, data: Path, *words: str) -> int:
    forget()
    return main(["run", str(grid), "--out", str(grid.parent / "out"), "--data-dir", str(data), *PLAN, *words])


def own_cell(project: Path) -> Path:
    (cell,) = (project / "out" / "cells").glob("*own-net*")
    return cell


def said(project: Path) -> dict:
    return json.loads((own_cell(project) / "status.json").read_text())


def content(project: Path) -> dict[str, bytes]:
    files = [path for path in (project / "out").rglob("*") if path.is_file() and ".lock" not in path.name]
    return {str(path.relative_to(project)): path.read_bytes() for path in files}


def shown(capsys) -> tuple[str, str]:
    """stdout and stderr, each on one line."""
    out, err = capsys.readouterr()
    return " ".join(out.split()), " ".join(err.split())


def test_what_a_cell_was_computed_with_is_recorded(project):
    assert list(said(project)["source"]["files"]) == ["own_blocks.py", "own_net.py"]
    assert said(project)["source"]["folders"] == [".."]
    assert said(project)["environment"]["jinja2"] == importlib.metadata.version("jinja2")  # that it imports
    (built_in,) = (project / "out" / "cells").glob("*-vgg-*")
    assert "source" not in json.loads((built_in / "status.json").read_text())


def test_unchanged_or_with_another_comment_nothing_is_done_or_said(project, pattern_data, capsys):
    edit(project, "# mine\n" + BLOCKS)
    before = content(project)
    assert run(project / "grid.toml", pattern_data) == 0
    after = content(project)
    assert {name for name in before if before[name] != after[name]} == set()
    assert "was changed" not in "".join(shown(capsys))


def test_run_stops_before_any_work_and_says_what_to_do(project, pattern_data, capsys):
    edit(project, EDITED)
    before = content(project)
    assert run(project / "grid.toml", pattern_data, "--seed", "0", "1") == 2
    out, err = shown(capsys)
    assert not out
    assert err.startswith(f"error: own_blocks.py was changed since 1 cell of this grid was computed: {project / 'out'}")
    for way_out in ("--out", "--accept-code", "delete"):
        assert way_out in err
    assert content(project) == before


def test_deleted_or_elsewhere_it_is_computed_anew(project, pattern_data):
    old = (own_cell(project) / "result.json").read_bytes()
    edit(project, EDITED)
    words = ["run", str(project / "grid.toml"), "--out", str(project / "new"), "--data-dir", str(pattern_data), *PLAN]
    assert main(words) == 0
    (elsewhere,) = (project / "new" / "cells").glob("*own-net*")
    shutil.rmtree(own_cell(project))
    assert run(project / "grid.toml", pattern_data) == 0
    assert (own_cell(project) / "result.json").read_bytes() == (elsewhere / "result.json").read_bytes() != old


def test_accepted_the_result_stays_and_both_codes_are_known(project, pattern_data, capsys):
    old, result = said(project)["source"], (own_cell(project) / "result.json").read_bytes()
    edit(project, EDITED)
    assert run(project / "grid.toml", pattern_data, "--accept-code") == 0
    assert (own_cell(project) / "result.json").read_bytes() == result
    assert said(project)["source"]["files"].keys() == old["files"].keys()
    assert said(project)["source"]["files"]["own_blocks.py"] != old["files"]["own_blocks.py"]
    assert said(project)["source_before"] == [old]
    assert "own_blocks.py was changed during or after the run" in shown(capsys)[0]
    assert run(project / "grid.toml", pattern_data) == 0
    edit(project, BLOCKS)  # what it was computed with, after all
    assert run(project / "grid.toml", pattern_data) == 0
    edit(project, BLOCKS + "\nFURTHER = 1\n")
    assert run(project / "grid.toml", pattern_data) == 2


def test_report_status_and_tables_say_so_without_running_the_code(project, capsys):
    edit(project, "raise SystemExit('this was run')\n")
    doubt = "own_blocks.py was changed after the run; the number is from the old code"
    for form in ("terminal", "markdown", "latex", "csv"):
        assert main(["report", str(project / "out"), "--format", form]) == 0
        assert doubt in shown(capsys)[0].replace("\\_", "_"), form
    assert main(["report", str(project / "out"), "--format", "html"]) == 0
    assert doubt in " ".join((project / "out" / "report.html").read_text().split())
    assert "Code was changed after 1 of them began." in _status(project, capsys)
    assert "own_blocks.py was changed" in _status(project, capsys)  # beside the cell, over several lines
    assert main(["compare", str(project / "out"), str(project / "out")]) == 0
    assert doubt in shown(capsys)[0]


def _status(project, capsys) -> str:
    capsys.readouterr()
    main(["status", str(project / "out")])
    return shown(capsys)[0]


def test_results_csv_says_so_too(project, pattern_data):
    edit(project, EDITED)
    assert run(project / "grid.toml", pattern_data, "--accept-code") == 0
    table = pd.read_csv(project / "out" / "results.csv", keep_default_na=False).set_index("backbone")
    assert table.loc["own_net:net", "status"] == "done"
    assert "own_blocks.py was changed during or after the run" in table.loc["own_net:net", "reason"]
    assert table.loc["vgg", "reason"] == ""


def test_code_that_is_not_there_any_more_is_not_called_changed(project, capsys, monkeypatch, tmp_path):
    (project / "own_blocks.py").unlink()
    monkeypatch.chdir(tmp_path)
    assert main(["report", str(project / "out")]) == 0
    text = shown(capsys)[0]
    assert "own_blocks.py was not found from here" in text
    assert "was changed" not in text
    assert "Code was changed" not in _status(project, capsys)


def test_of_two_folders_the_one_that_the_cell_imports_from_counts(tmp_path):
    held = {"files": {}, "installed": {}, "folders": ["first", "second"]}
    for folder, text in (("first", "x = 1"), ("second", "x = 2")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "helper.py").write_text(text)
    status = {"status": "done", "source": held | {"files": {"helper.py": parsed_source(b"x = 2", "").hash}}}
    assert own_code(tmp_path, status) == NOTHING
    (tmp_path / "second" / "helper.py").write_text("x = 3")
    assert own_code(tmp_path, status).changed == ("helper.py",)


def test_results_that_were_moved_find_the_code_in_the_folder_of_the_command(project, capsys, tmp_path):
    moved = tmp_path / "far" / "away" / "out"
    shutil.move(project / "out", moved)
    assert main(["report", str(moved)]) == 0
    assert "not found" not in shown(capsys)[0]
    edit(project, EDITED)
    assert main(["report", str(moved)]) == 0
    assert "own_blocks.py was changed after the run" in shown(capsys)[0]


def test_a_dry_run_says_that_run_would_stop(project, pattern_data, capsys):
    edit(project, EDITED)
    assert run(project / "grid.toml", pattern_data, "--dry-run") == 0
    assert "run would stop: own_blocks.py was changed since 1 cell" in shown(capsys)[1]


def test_results_of_versions_that_recorded_no_code_stay_valid(project, pattern_data, capsys):
    path = own_cell(project) / "status.json"
    path.write_text(json.dumps({key: value for key, value in said(project).items() if not key.startswith("source")}))
    edit(project, EDITED)
    assert run(project / "grid.toml", pattern_data) == 0
    assert "was changed" not in "".join(shown(capsys))
    assert load_cell(own_cell(project)).changed == ()


def unfinished(project: Path) -> None:
    """As though the cell was interrupted after its last meta-step."""
    folder = own_cell(project)
    (folder / "result.json").unlink()
    (folder / "status.json").write_text(json.dumps(said(project) | {"status": "queued"}))


def test_an_unfinished_cell_does_not_go_on_with_other_code_unless_told(project, pattern_data, capsys):
    unfinished(project)
    old = said(project)["source"]
    edit(project, EDITED)
    before = content(project)
    assert run(project / "grid.toml", pattern_data) == 2
    assert "unfinished cells then go on with the new code" in shown(capsys)[1]
    assert content(project) == before
    assert "own_blocks.py was changed" in _status(project, capsys)
    assert run(project / "grid.toml", pattern_data, "--accept-code") == 0
    assert said(project)["status"] == "done"
    assert said(project)["source_before"] == [old]
    assert said(project)["source"]["files"]["own_blocks.py"] != old["files"]["own_blocks.py"]


def test_a_cell_that_failed_before_any_checkpoint_begins_anew_with_the_mended_code(project, pattern_data):
    unfinished(project)
    shutil.rmtree(own_cell(project) / "checkpoints")
    (own_cell(project) / "status.json").write_text(json.dumps(said(project) | {"status": "failed"}))
    edit(project, EDITED)
    forget()
    assert main(["retry", str(project / "out"), "--data-dir", str(pattern_data), *PLAN]) == 0
    assert said(project)["source_before"] == []
    assert "accept" not in (own_cell(project) / "log.txt").read_text()


def test_a_process_of_a_cluster_does_not_either(project, pattern_data, monkeypatch):
    """The code may be edited after the driver looked at it. The driver then fails the cell with the worker's error."""
    from fewshot_bench.cells import folders
    from fewshot_bench.grid import cluster

    monkeypatch.syspath_prepend(project)
    unfinished(project)
    edit(project, EDITED)
    cell = folders.cell_in(own_cell(project))
    told = cluster.Assignment(cell, project / "out", pattern_data, "cpu", {}, project / ".stop")
    with pytest.raises(BenchError, match=r"own_blocks\.py was changed since 1 cell of this grid was computed"):
        cluster.work(told)
    cluster.work(told._replace(accept_code=True))
    assert said(project)["status"] == "done"


def test_a_loaded_cell_says_so_and_is_not_measured_by_other_protocols(project, pattern_data):
    assert load_cell(own_cell(project)).changed == ()
    edit(project, EDITED)
    with pytest.warns(UserWarning, match=r"own_blocks\.py was changed since, so what is computed now may differ"):
        trained = load_cell(own_cell(project))
    assert trained.changed == ("own_blocks.py",)
    assert "own_blocks.py was changed since" in repr(trained)
    recorded = pd.read_parquet(own_cell(project) / "episodes.parquet").query("split == 'test'")["loss"].tolist()
    assert evaluate_cell(trained, pattern_data).loss.tolist() != recorded
    with pytest.raises(BenchError, match=r"own_blocks\.py was changed since.*--accept-code"):
        sensitivity(own_cell(project), pattern_data, tasks=(4,), queries=(1,), ensemble=(1,), steps=(1,))
    assert not list(own_cell(project).glob("sensitivity*"))


def test_run_grid_stops_too_and_a_notebook_is_told_that_it_has_the_old_code_in_memory(project, pattern_data):
    edit(project, EDITED)
    with pytest.raises(BenchError, match=r"own_blocks\.py was changed since 1 cell"):
        run_grid(project / "grid.toml", project / "out", data_dir=pattern_data)
    (project / "own_blocks.py").write_text(BLOCKS)  # edited, and not imported again
    with pytest.raises(BenchError, match=r"own_blocks\.py was edited after this Python process imported it"):
        run_grid(project / "grid.toml", project / "out", data_dir=pattern_data)
    forget()
    assert len(run_grid(project / "grid.toml", project / "out", data_dir=pattern_data)) == 2
    edit(project, EDITED)
    assert len(run_grid(project / "grid.toml", project / "out", data_dir=pattern_data, accept_code=True)) == 2


def test_compare_shows_whose_code_was_another(project, pattern_data, capsys):
    edit(project, EDITED)
    assert main(["run", str(project / "grid.toml"), "--out", "new", "--data-dir", str(pattern_data), *PLAN]) == 0
    capsys.readouterr()
    assert main(["compare", str(project / "out"), str(project / "new"), "--format", "markdown"]) == 0
    (line,) = (line for line in capsys.readouterr().out.splitlines() if "| code" in line)
    assert "own_blocks.py" in line
