"""The run command as people use it: from a grid file to a table, killed, repeated, extended, misused."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from fewshot_bench.api.grids import run_grid
from fewshot_bench.basics.lease import lease
from fewshot_bench.cli.main import main
from tests.tiny import tiny_grid, tiny_toml

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture
def grid(tmp_path: Path, no_figures: None) -> Path:
    path = tmp_path / "small.toml"
    path.write_text(tiny_toml())
    return path


def bench(*words: str | Path) -> int:
    return main([str(word) for word in words])


def results(out: Path) -> dict[str, bytes]:
    return {path.parent.name: path.read_bytes() for path in out.glob("cells/*/result.json")}


@pytest.fixture(scope="module")
def computed(pattern_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of `grid`, computed once."""
    folder = tmp_path_factory.mktemp("computed")
    run_grid(tiny_grid(), folder / "out", data_dir=pattern_data)
    return folder / "out"


@pytest.fixture
def out(computed: Path, tmp_path: Path) -> Path:
    """A copy of them to damage."""
    return Path(shutil.copytree(computed, tmp_path / "out"))


def test_a_grid_from_its_file_to_its_table(pattern_data, tmp_path, capsys):
    grid, out = tmp_path / "small.toml", tmp_path / "out"
    grid.write_text(tiny_toml())
    assert bench("run", grid, "--out", out, "--data-dir", pattern_data) == 0
    shown = capsys.readouterr().out
    assert "mean acc" in shown
    assert str(out / "results.csv") in shown
    assert str(out / "figures") in shown
    assert list((out / "figures").glob("*.png"))
    table = pd.read_csv(out / "results.csv")
    assert len(table) == 1
    assert table.loc[0, "status"] == "done"
    assert table.loc[0, "iterations"] == 4
    (folder,) = (out / "cells").iterdir()
    names = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
    assert names >= {"config.toml", "status.json", "metrics.jsonl", "hyperparameters.parquet", "episodes.parquet"}
    assert names >= {"result.json", "checkpoints", "log.txt"}


def test_repeated_it_does_nothing_and_extended_only_what_is_new(grid, pattern_data, out):
    (first,) = out.glob("cells/*/result.json")
    written = first.stat().st_mtime_ns
    assert bench("run", grid, "--out", out, "--data-dir", pattern_data) == 0
    assert bench("run", grid, "--out", out, "--data-dir", pattern_data, "--seed", "0", "1") == 0
    assert first.stat().st_mtime_ns == written
    assert len(results(out)) == 2


def test_dry_run_prints_cells_and_writes_nothing(grid, tmp_path, capsys):
    out = tmp_path / "out"
    assert bench("run", grid, "--out", out, "--dry-run", "--seed", "0", "1", "--set", "training.iterations=9") == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert all("9it" in line for line in lines)
    assert not out.exists()


@pytest.mark.parametrize(
    "words",
    [
        ["--set", "training.iterations=9", "evaluation.tasks=7", "--seed", "3"],
        ["--set", "training.iterations=9", "--seed", "3", "--set", "evaluation.tasks=7"],
    ],
    ids=["after one flag", "a flag each"],
)
def test_several_changes_at_once(grid, pattern_data, tmp_path, words):
    out = tmp_path / "out"
    assert bench("run", grid, "--out", out, "--data-dir", pattern_data, *words) == 0
    table = pd.read_csv(out / "results.csv")
    assert table[["iterations", "evaluation_tasks", "seed"]].values.tolist() == [[9, 7, 3]]


def test_killed_at_any_moment_it_ends_with_the_same_bytes(grid, pattern_data, tmp_path):
    """SIGKILL while it trains, three times; then the same command, and nobody can tell."""
    grid.write_text(tiny_toml(training={"iterations": 40, "iterations_per_epoch": 4}))
    command = ["run", grid, "--data-dir", pattern_data]
    assert bench(*command, "--out", tmp_path / "undisturbed") == 0
    out = tmp_path / "killed"
    words = [sys.executable, CHECKOUT / "run_bench.py", *command, "--out", out]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    for kill in range(3):  # the first before any checkpoint, the next after one, after two, ...
        with subprocess.Popen(words, env=environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
            while process.poll() is None and not list(out.glob("cells/*/log.txt")):
                time.sleep(0.01)
            while process.poll() is None and len(list(out.glob("cells/*/checkpoints/step-*"))) < min(kill, 2):
                time.sleep(0.01)
            time.sleep(0.02 * kill)
            process.send_signal(signal.SIGKILL)
        assert process.returncode == -signal.SIGKILL
    assert not results(out)
    assert bench(*command, "--out", out) == 0
    assert results(out) == results(tmp_path / "undisturbed")


BROKEN = """
import torch

class Bad(torch.nn.Module):
    "Finite logits, but the norm of a zero vector has no derivative: the meta-gradient is not finite."

    def __init__(self, image, ways):
        super().__init__()
        self.linear, self.zero = torch.nn.Linear(784, ways), torch.nn.Parameter(torch.zeros(3))

    def forward(self, x):
        return self.linear(x.flatten(1)) + self.zero.norm() * torch.arange(3)
"""


def test_a_failing_cell_is_a_row_with_its_reason_and_the_others_go_on(grid, pattern_data, tmp_path, capsys):
    (tmp_path / "my_nets.py").write_text(BROKEN)
    grid.write_text(tiny_toml(grid={"backbone": ["my_nets:Bad", "vgg"]}))
    out = tmp_path / "out"
    assert bench("run", grid, "--out", out, "--data-dir", pattern_data) == 1
    table = pd.read_csv(out / "results.csv").set_index("backbone")
    assert table.loc["vgg", "status"] == "done"
    assert table.loc["my_nets:Bad", "status"] == "failed"
    assert "not finite at meta-step 1" in table.loc["my_nets:Bad", "reason"]
    assert "not finite at meta-step 1" in " ".join(capsys.readouterr().out.split())
    (log,) = out.glob("cells/*Bad*/log.txt")
    assert "Traceback" in log.read_text()


def test_a_cell_in_other_hands_is_left_alone_and_not_called_done(grid, pattern_data, out, capsys):
    (result,) = out.glob("cells/*/result.json")
    result.unlink()
    with lease(result.parent, print):
        assert bench("run", grid, "--out", out, "--data-dir", pattern_data) == 1
    assert "another process is running it" in capsys.readouterr().err
    assert not result.exists()


@pytest.mark.parametrize("damage", ["", "{", '{"cell": "another"}'], ids=["empty", "torn", "of another cell"])
def test_a_damaged_result_is_made_anew(grid, pattern_data, out, damage):
    (result,) = out.glob("cells/*/result.json")
    whole = result.read_bytes()
    result.write_text(damage)
    assert bench("run", grid, "--out", out, "--data-dir", pattern_data) == 0
    assert result.read_bytes() == whole


def test_a_damaged_status_is_no_traceback(grid, pattern_data, out):
    (status,) = out.glob("cells/*/status.json")
    status.write_text('{"status": "running", "seconds": "x", "iterations": null, "plan": 3}')
    assert bench("run", grid, "--out", out, "--data-dir", pattern_data) == 0
    assert json.loads(status.read_text())["status"] == "done"


def test_a_resumed_cell_keeps_its_threads_to_itself(grid, pattern_data, out):
    (status,) = out.glob("cells/*/status.json")
    said = json.loads(status.read_text())
    said["plan"]["threads"] += 1
    status.write_text(json.dumps(said | {"status": "running"}))
    assert bench("run", grid, "--out", out, "--data-dir", pattern_data, "--seed", "0", "1") == 0
    threads = [json.loads(path.read_text())["plan"]["threads"] for path in out.glob("cells/*/status.json")]
    assert sorted(threads) == [said["plan"]["threads"] - 1, said["plan"]["threads"]]


def test_a_cell_begun_with_other_images_does_not_go_on(grid, pattern_data, out):
    (status,) = out.glob("cells/*/status.json")
    status.write_text(json.dumps(json.loads(status.read_text()) | {"status": "running", "pool_hash": "0123456789"}))
    assert bench("run", grid, "--out", out, "--data-dir", pattern_data) == 1
    assert "begun with the images 01234567" in json.loads(status.read_text())["reason"]


def test_a_backbone_and_an_inner_optimizer_of_ones_own(grid, pattern_data, tmp_path):
    (tmp_path / "mine.py").write_text(
        "from torch import nn\n"
        "from fewshot_bench.inner_optimizers.base import InnerOptimizer, per_tensor\n"
        "def linear(image, ways, *, dropout: float = 0.0):\n"
        "    size = image.channels * image.height * image.width\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(size, ways))\n"
        "def sign_sgd(*, lr: float = 0.01):\n"
        "    def step(params, grads, state, hyper):\n"
        "        return {k: p - hyper['lr'][k] * grads[k].sign() for k, p in params.items()}, state\n"
        "    rates = lambda params: {'lr': per_tensor(params, lr)}\n"
        "    return InnerOptimizer(lambda params, outer: {}, rates, step, {'lr': (1e-4, 1.0)})\n"
    )
    axes = {"backbone": ["mine:linear"], "inner_optimizer": ["mine:sign_sgd"]}
    grid.write_text(tiny_toml(grid=axes, inner_optimizers={"mine:sign_sgd": {"lr": 0.02}}))
    out = tmp_path / "out"
    assert bench("run", grid, "--out", out, "--data-dir", pattern_data) == 0
    (learned,) = out.glob("cells/*/hyperparameters.parquet")
    values = pd.read_parquet(learned)
    assert values[values.iteration == 0]["value"].unique() == pytest.approx([0.02])


def test_a_tampered_cell_is_refused_before_any_work(grid, pattern_data, out, capsys):
    (config,) = out.glob("cells/*/config.toml")
    config.write_text(config.read_text().replace("tasks_per_batch = 2", "tasks_per_batch = 3"))
    before = results(out)
    assert bench("run", grid, "--out", out, "--data-dir", pattern_data, "--seed", "0", "1") == 2
    assert "config.toml was changed" in capsys.readouterr().err
    assert results(out) == before
    assert len(list((out / "cells").iterdir())) == 1


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["run", "quik"], "did you mean 'quick'"),
        (["rnu"], "unknown command 'rnu' (did you mean 'run'?)"),
        (["run", "GRID", "--set", "training.iteration=5"], "nothing reads the key 'iteration'"),
        (["run", "GRID", "--device", "tpu9"], "no device 'tpu9'"),
        (["run", "GRID", "--plan", "program=fast"], "--plan: `program` cannot be 'fast': one of eager, traced, graph"),
        (["run", "GRID", "--set", "grid=3"], "[grid] has to be a table"),
        (["run", "GRID", "--set", "cells=[3]"], "[[cells]] number 1 has to be a table"),
        (["run", "GRID", "--set", "grid.ways=[[5]]"], "`ways` is [5], but has to be a whole number"),
        (["run", "GRID", "--set", "backbones.vgg.stages=9"], "backbone 'vgg' for omniglot, 3 ways: "),
        (["run", "GRID", "--set", 'learners."maml++".meta_lr=-1'], "`meta_lr` is -1"),
        (["run", "GRID", "--set", "inner_optimizers.sgd.lr=2026-01-01"], "has to be a number"),
        (["run", "GRID", "--set", "grid.backbone=math:pi"], "is a float; it has to be a function"),
        (["run", "GRID", "--data-dir", "nowhere"], "no omniglot in nowhere"),
        (["run", "GRID", "--out", "FILE/results"], "cannot write into"),
    ],
)
def test_bad_input_is_one_sentence_and_status_2(grid, pattern_data, tmp_path, capsys, words, says):
    (tmp_path / "file").write_text("a file, not a folder")
    stand_ins = {"GRID": str(grid), "FILE/results": str(tmp_path / "file" / "results")}
    words = [stand_ins.get(word, word) for word in words]
    if "--out" not in words and words[0] == "run":
        words += ["--out", str(tmp_path / "out")]
    if "--data-dir" not in words and words[0] == "run":
        words += ["--data-dir", str(pattern_data)]
    assert main(words) == 2
    told = capsys.readouterr().err
    assert says in told
    assert "Traceback" not in told
    assert not (tmp_path / "out" / "cells").exists()


def test_ctrl_c_in_an_evaluation_ends_the_grid_too(grid, pattern_data, tmp_path, python):
    """Untrained cells have no meta-step after which to stop."""
    grid.write_text(tiny_toml(training={"iterations": 0}, evaluation={"tasks": 100_000}))
    out = tmp_path / "out"
    words = [*python, CHECKOUT / "run_bench.py", "run", grid, "--data-dir", pattern_data, "--out", out]
    words += ["--seed", "0", "1", "2"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    with subprocess.Popen(words, env=environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None and not list(out.glob("cells/*/log.txt")):
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        process.wait(timeout=600)  # a hang; a busy machine takes half a minute
    assert process.returncode == 130
    assert len(results(out)) < 3


def test_ctrl_c_finishes_the_step_saves_and_says_how_to_go_on(grid, pattern_data, tmp_path):
    grid.write_text(tiny_toml(training={"iterations": 60, "tasks_per_batch": 3}))
    out = tmp_path / "out"
    words = [sys.executable, CHECKOUT / "run_bench.py", "run", grid, "--data-dir", pattern_data, "--out", out]
    with subprocess.Popen(words, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        while process.poll() is None and not list(out.glob("cells/*/checkpoints/step-*")):
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=600)
    assert process.returncode == 130
    assert "the same command goes on" in told
    assert "Traceback" not in told
    (status,) = out.glob("cells/*/status.json")
    assert json.loads(status.read_text())["status"] == "queued"


def test_help_needs_no_torch():
    words = [sys.executable, "-X", "importtime", CHECKOUT / "run_bench.py", "run", "--help"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert "--dry-run" in done.stdout
    assert " torch" not in done.stderr
    assert "matplotlib" not in done.stderr
