"""Real runs on real data: what the README claims, as long as it takes. `uv run pytest -m long`"""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from fewshot_bench.cli.main import main

pytestmark = pytest.mark.long

CHECKOUT = Path(__file__).resolve().parents[1]

GRID = """
[grid]
dataset = ["{dataset}"]
ways = [5]
shots = [1]
learner = ["maml++"]
backbone = ["vgg"]
inner_optimizer = ["sgd"]
[training]
iterations = {iterations}
[evaluation]
tasks = 600
ensemble = 1
"""

TWIN = "[[cells]]\ntraining = {iterations = 0}\n"


def by_task(out: Path, iterations: int) -> pd.Series:
    (path,) = out.glob(f"cells/*-{iterations}it-*/episodes.parquet")
    episodes = pd.read_parquet(path)
    return episodes[episodes.split == "test"].set_index("task")["accuracy"]


def meta_steps(out: Path) -> int:
    """How many of them the longest record of a cell has."""
    return max((path.read_text().count('"loss"') for path in out.glob("cells/*/metrics.jsonl")), default=0)


def test_omniglot_at_300_meta_steps_killed_and_not(omniglot_data, tmp_path):
    """At least 90 % on 600 tasks, better than untrained, and the same bytes however often it was killed. 15 minutes."""
    grid = tmp_path / "grid.toml"
    grid.write_text(GRID.format(dataset="omniglot", iterations=300) + TWIN)
    command = ["run", str(grid), "--data-dir", str(omniglot_data), "--out"]
    assert main([*command, str(tmp_path / "whole")]) == 0
    trained, untrained = (by_task(tmp_path / "whole", n) for n in (300, 0))
    assert trained.mean() >= 0.9
    gain = trained - untrained
    assert gain.mean() > 2 * gain.std() / len(gain) ** 0.5
    words = [sys.executable, str(CHECKOUT / "run_bench.py"), *command, str(tmp_path / "killed")]
    for iterations in (100, 200):
        process = subprocess.Popen(words)
        while meta_steps(tmp_path / "killed") < iterations:
            assert process.poll() is None
            time.sleep(0.1)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert main([*command, str(tmp_path / "killed")]) == 0
    for path in (tmp_path / "whole").glob("cells/*/result.json"):
        assert path.read_bytes() == (tmp_path / "killed" / path.relative_to(tmp_path / "whole")).read_bytes()


def test_mini_imagenet_at_60_meta_steps_beats_its_untrained_twin(mini_imagenet_data, tmp_path):
    """By more than two standard errors of the paired difference on 600 tasks. 15 minutes."""
    grid = tmp_path / "grid.toml"
    grid.write_text(GRID.format(dataset="mini-imagenet", iterations=60) + TWIN)
    assert main(["run", str(grid), "--data-dir", str(mini_imagenet_data), "--out", str(tmp_path / "out")]) == 0
    gain = by_task(tmp_path / "out", 60) - by_task(tmp_path / "out", 0)
    assert gain.mean() > 2 * gain.std() / len(gain) ** 0.5


def test_the_quick_preset_beats_its_untrained_twins(glyphs_data, tmp_path):
    """All four cells, by more than two standard errors. 6 minutes."""
    assert main(["run", "quick", "--data-dir", str(glyphs_data), "--out", str(tmp_path)]) == 0
    for path in tmp_path.glob("cells/*-80it-*"):
        (twin,) = tmp_path.glob(f"cells/{path.name.rpartition('-80it-')[0]}-0it-*")
        trained, untrained = (pd.read_parquet(folder / "episodes.parquet") for folder in (path, twin))
        gain = (
            trained[trained.split == "test"].set_index("task")["accuracy"]
            - untrained[untrained.split == "test"].set_index("task")["accuracy"]
        )
        assert gain.mean() > 2 * gain.std() / len(gain) ** 0.5, path.name
