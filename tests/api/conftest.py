"""Small finished cells, each trained once in a session by the command's own engine."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from fewshot_bench.api.grids import run_grid

GRID: dict[str, Any] = {
    "grid": {
        "dataset": ["omniglot"],
        "ways": [3],
        "shots": [1],
        "learner": ["maml++"],
        "backbone": ["vgg"],
        "inner_optimizer": ["sgd"],
    },
    "training": {"iterations": 4, "iterations_per_epoch": 2, "tasks_per_batch": 2, "inner_steps": 2},
    "evaluation": {"tasks": 12, "ensemble": 2},
    "backbones": {"vgg": {"filters": 4}},
}

Finished = Callable[..., Path]


def grid(**changes: dict[str, Any]) -> dict[str, Any]:
    """GRID with keys of its sections changed."""
    made = copy.deepcopy(GRID)
    for section, values in changes.items():
        made[section] = made.get(section, {}) | values
    return made


@pytest.fixture(scope="session")
def finished(pattern_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """The folder of the cell of GRID with changes, trained when it is first asked for."""
    known: dict[str, Path] = {}

    def of(**changes: dict[str, Any]) -> Path:
        key = repr(changes)
        if key not in known:
            (known[key],) = run_grid(grid(**changes), tmp_path_factory.mktemp("grid"), data_dir=pattern_data)
        return known[key]

    return of


def recorded(folder: Path, split: str = "test") -> pd.DataFrame:
    """Rows of episodes.parquet, by task."""
    episodes = pd.read_parquet(folder / "episodes.parquet")
    return episodes[episodes.split == split].set_index("task")
