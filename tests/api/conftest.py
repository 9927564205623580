"""Small finished cells, each trained once in a session by the command's own engine."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from fewshot_bench.api.grids import run_grid
from tests.tiny import tiny_grid

Finished = Callable[..., Path]


@pytest.fixture(scope="session")
def finished(pattern_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """The folder of the cell of `tiny_grid(**changes)`, trained when it is first asked for."""
    known: dict[str, Path] = {}

    def of(**changes: dict[str, Any]) -> Path:
        key = repr(changes)
        if key not in known:
            (known[key],) = run_grid(tiny_grid(**changes), tmp_path_factory.mktemp("grid"), data_dir=pattern_data)
        return known[key]

    return of


def recorded(folder: Path, split: str = "test") -> pd.DataFrame:
    """Rows of episodes.parquet, by task."""
    episodes = pd.read_parquet(folder / "episodes.parquet")
    return episodes[episodes.split == split].set_index("task")
