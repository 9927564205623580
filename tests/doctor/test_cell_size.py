"""What cells are said to take on disk, against what one took."""

from dataclasses import replace
from pathlib import Path

import pytest

from fewshot_bench.cli.main import main
from fewshot_bench.doctor.cell_size import LITTLE, bytes_of
from fewshot_bench.grid.expand import expand
from fewshot_bench.grid.files import read

GRID = """
[grid]
dataset = ["omniglot"]
ways = [3]
shots = [1]
learner = ["maml++"]
backbone = ["vgg"]
inner_optimizer = ["sgd"]
[training]
iterations = 6
iterations_per_epoch = 2
tasks_per_batch = 1
inner_steps = 1
[evaluation]
tasks = 4
ensemble = 2
"""


def test_it_is_about_what_a_cell_takes(pattern_data, tmp_path):
    (tmp_path / "small.toml").write_text(GRID)
    words = ["run", str(tmp_path / "small.toml"), "--out", str(tmp_path / "out"), "--data-dir", str(pattern_data)]
    assert main([*words, "--plan", "program=eager,workers=1,tasks_at_once=1"]) == 0
    taken = sum(path.stat().st_size for path in Path(tmp_path / "out" / "cells").rglob("*") if path.is_file())
    (cell,) = expand(read(str(tmp_path / "small.toml")))
    assert bytes_of([cell]) == pytest.approx(taken, rel=0.15)
    assert bytes_of([cell, cell]) == 2 * bytes_of([cell])
    untrained = replace(cell, training=replace(cell.training, iterations=0))
    assert LITTLE < bytes_of([untrained]) < bytes_of([cell]) / 4
