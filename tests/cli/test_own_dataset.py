"""A user's own dataset, named by import path with options in the grid, through every command that meets it."""

import json
import shutil
import sys
from pathlib import Path

import pytest

from fewshot_bench.api.adapting import adapt
from fewshot_bench.api.evaluating import evaluate_cell
from fewshot_bench.api.grids import run_grid
from fewshot_bench.api.loading import load_cell
from fewshot_bench.api.pools import open_pool
from fewshot_bench.api.sensitivity import sensitivity
from fewshot_bench.cli.main import main
from tests.tiny import tiny_grid, tiny_toml

CODE = '''
from functools import partial

from tests.own_datasets import NAMES, birds, draw
from fewshot_bench.data.raw_images import raw_images


def mine(*, size: int = 8, images: int = 4):
    """Birds again."""
    return birds(size=size, images=images)
'''
NAME = "dataset_of_mine:mine"
PLAN = ("--plan", "program=eager,threads=1,tasks_at_once=1,workers=1")  # nothing has to be measured
SMALL = dict.fromkeys(("iterations", "iterations_per_epoch", "tasks_per_batch", "inner_steps"), 1)
AXES = {"dataset": [NAME], "ways": [2], "learner": ["maml", "protonet"], "backbone": ["vgg"]}
SECTIONS = {
    "grid": AXES,
    "training": SMALL,
    "backbones": {"vgg": {"filters": 4, "stages": 2}},
    "datasets": {NAME: {"size": 12}},
}


def forget() -> None:
    """As a new process has it."""
    sys.modules.pop("dataset_of_mine", None)


@pytest.fixture(autouse=True)
def forgotten(monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # it is told apart by whole seconds and size
    monkeypatch.setattr(sys, "path", list(sys.path))
    forget()
    yield
    forget()


@pytest.fixture(scope="module")
def computed(tmp_path_factory):
    """A folder with a user's dataset and a grid of it, run."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "dataset_of_mine.py").write_text(CODE)
    (folder / "grid.toml").write_text(tiny_toml(**SECTIONS))
    (folder / "datasets").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(sys, "dont_write_bytecode", True)
        patch.setattr(sys, "path", list(sys.path))
        assert main(["run", "grid.toml", *PLAN]) == 0
    forget()
    return folder


@pytest.fixture
def project(computed, tmp_path, monkeypatch) -> Path:
    """A copy of it, the current folder."""
    copy = Path(shutil.copytree(computed, tmp_path / "project"))
    monkeypatch.chdir(copy)
    return copy


def cells() -> list[Path]:
    return sorted(Path("results/grid/cells").glob("dataset-of-mine-mine-*"))


def said(capsys, *words: str) -> str:
    assert main(list(words)) == 0
    return " ".join(capsys.readouterr().out.split())


def test_what_a_cell_records(project):
    status = json.loads((cells()[0] / "status.json").read_text())
    assert (
        list(status["source"]["files"]) == ["dataset_of_mine.py"] or "dataset_of_mine.py" in status["source"]["files"]
    )
    assert "[dataset_options]\nsize = 12" in (cells()[0] / "config.toml").read_text()


COMMANDS = {
    "report results/grid": NAME,
    "status results/grid": "2 cells: 2 done",
    "cite results/grid": f"dataset {NAME} is not the package's own: cite where it is from yourself.",
    "run grid.toml --dry-run": "done dataset-of-mine-mine-2w1s-maml-vgg-sgd-seed0-1it-",
    "data list": f"{NAME} size=12: 12 classes, 3x12x12; splits mine; prepared in",
    f"data verify {NAME}": f"{NAME} size=12: whole, in datasets",
    "data verify": f"{NAME} size=12: whole, in datasets",
    f"data import {NAME} --from .": f"{NAME}: prepared from . (drawn)",
    f"list dataset {NAME}": "Birds again. 12 classes, images of 3x8x8; splits mine.",
    "compare results/grid results/grid": "Equal on every task.",
    "plot results/grid": "learning-curve.png",
}


@pytest.mark.parametrize("words", COMMANDS)
def test_commands(words, project, capsys):
    assert COMMANDS[words] in said(capsys, *words.split())


def test_doctor(project, capsys, monkeypatch):
    main(["doctor", "grid.toml"])
    assert f"ok {NAME} prepared in datasets/.prepared/" in " ".join(capsys.readouterr().out.split())
    shutil.rmtree("datasets/.prepared")
    main(["doctor", "grid.toml"])
    assert f"ok {NAME} prepared on first use from datasets" in " ".join(capsys.readouterr().out.split())
    Path("dataset_of_mine.py").write_text(CODE.replace("birds(size=size, images=images)", "1 / 0"))
    forget()
    assert main(["doctor", "grid.toml"]) == 1
    assert f"fault {NAME} dataset '{NAME}': ZeroDivisionError" in " ".join(capsys.readouterr().out.split())


def test_an_edit_stops_run_and_makes_other_images(project, capsys):
    pool = open_pool(NAME, "datasets", size=12).pool
    assert pool.counts.tolist() == [4] * 12
    edited = CODE.replace("images: int = 4", "images: int = 5")
    Path("dataset_of_mine.py").write_text(edited)
    forget()
    assert main(["run", "grid.toml", *PLAN]) == 2
    shown = capsys.readouterr()
    assert shown.err.startswith("error: dataset_of_mine.py was changed since 2 cells of this grid were computed")
    assert not shown.out
    assert main(["run", "grid.toml", "--out", "results/new", *PLAN]) == 0
    assert open_pool(NAME, "datasets", size=12).pool.counts.tolist() == [5] * 12


def test_retry_with_other_options(project, capsys):
    """A cell that failed is computed again with other images."""
    folder = cells()[0]
    status = json.loads((folder / "status.json").read_text()) | {"status": "failed", "reason": "for a test"}
    (folder / "status.json").write_text(json.dumps(status))
    (folder / "result.json").unlink()
    words = ["retry", "results/grid", "--set", f'datasets."{NAME}".size=16', *PLAN]
    assert main(words) == 0
    assert len(cells()) == 3
    assert (Path("datasets/.prepared") / "dataset_of_mine-mine-size=16").is_dir()


def test_in_python(project):
    (trained,) = (load_cell(folder) for folder in cells() if "maml" in folder.name)
    opened = open_pool(NAME, size=12)
    assert repr(opened) == f"{NAME}: 12 classes, 4 images each, 3 x 12 x 12"
    assert evaluate_cell(trained).accuracy.mean().item() == pytest.approx(trained.result["test_accuracy"], abs=1e-12)
    support = {name: opened.pool.of_class(index)[:1] for index, name in enumerate(opened.pool.classes[:2])}
    assert adapt(trained, support).predict(opened.pool.of_class(0)[1:]).shape == (3, 2)
    assert len(sensitivity(trained, tasks=(2, 4)).rows)
    again = run_grid(tiny_grid(**SECTIONS), "results/grid")
    assert {folder.name for folder in again} == {folder.name for folder in cells()}
