"""`new`: what it writes works and passes its test as written."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fewshot_bench.cli.main import main
from fewshot_bench.conformance import backbone, dataset, inner_optimizer, learner

CHECKOUT = Path(__file__).resolve().parents[2]

KINDS = {
    "backbone": ("my_net", "my_net:my_net", len(backbone.CHECKS) + 1),
    "inner-optimizer": ("my_rule", "my_rule:my_rule", len(inner_optimizer.CHECKS) + 1),
    "learner": ("my_learner", "my_learner:my_learner", len(learner.CHECKS) + 2),
    "dataset": ("my_data", "my_data:my_data", len(dataset.CHECKS) + 1),
}
"""Kind -> a name, the import path of what is made, and how many tests are written."""


def test_it_passes_its_tests_as_written(tmp_path, capsys, monkeypatch, python):
    """By pytest's own rules, without the settings of this checkout."""
    monkeypatch.chdir(tmp_path)
    for kind, (name, path, _) in KINDS.items():
        assert main(["new", kind, name]) == 0
        shown = capsys.readouterr().out
        assert shown.startswith(f"Wrote {name}.py and test_{name}.py. Next:\n")
        assert f"fewshot-bench check {kind} {path}\n" in shown
    written = {file.name for file in tmp_path.iterdir()}
    assert written == {f"{prefix}{name}.py" for name, _, _ in KINDS.values() for prefix in ("", "test_")}
    words = [*python, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert f"{sum(tests for _, _, tests in KINDS.values())} passed" in done.stdout


@pytest.mark.parametrize("name", ["a", "zebra"])
def test_it_is_in_the_style_of_the_package(name, tmp_path, capsys):
    """Names change the order of imports and the length of lines; a checkout's test of style sees new files too."""
    for kind in KINDS:
        assert main(["new", kind, name, "--into", str(tmp_path / kind)]) == 0
        config = ["--config", str(CHECKOUT / "pyproject.toml"), "--config", f'src=["{tmp_path / kind}", "{CHECKOUT}"]']
        for words in (["check", *config], ["format", "--check", *config]):
            words = [sys.executable, "-m", "ruff", *words, "--no-cache", str(tmp_path / kind)]
            done = subprocess.run(words, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout + done.stderr


def test_nothing_is_overwritten(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "test_mine.py").write_text("precious")
    assert main(["new", "backbone", "mine"]) == 2
    assert "test_mine.py is there already, and is left as it is." in capsys.readouterr().err
    assert [file.name for file in tmp_path.iterdir()] == ["test_mine.py"]
    assert (tmp_path / "test_mine.py").read_text() == "precious"


@pytest.mark.parametrize("name", ["3x", "my-net", "class", "my net", "../up", "", "__", "pkg.net"])
def test_a_name_that_is_none(name, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["new", "backbone", name]) == 2
    assert f"{name!r} cannot be the name of a Python module." in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["torch", "json", "fewshot_bench", "random"])
def test_a_name_that_would_hide_a_module(name, tmp_path, capsys, monkeypatch):
    assert importlib.util.find_spec(name) is not None
    monkeypatch.chdir(tmp_path)
    assert main(["new", "learner", name]) == 2
    assert f"{name!r} is the name of a module that Python can import already" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main(["new", "backbone", "mine", "--into", str(tmp_path / "file" / "sub")]) == 2
    assert "cannot write" in capsys.readouterr().err
