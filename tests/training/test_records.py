"""How records lie on disk, for those who read them by the thousand."""

from pathlib import Path

import pandas as pd
from pyarrow.parquet import ParquetFile

from fewshot_bench.cells.folders import EPISODES, HYPERPARAMETERS
from fewshot_bench.training.records import Records


def rows(split: str, iteration: int) -> list[dict[str, object]]:
    return [
        {"split": split, "iteration": iteration, "task": task, "accuracy": task / 10, "loss": 0.5} for task in range(4)
    ]


def test_validations_and_each_test_have_a_row_group_of_their_own(tmp_path: Path) -> None:
    written = [*rows("val", 10), *rows("val", 20), *rows("test", 20), *rows("test inductive", 20)]
    records = Records(tmp_path, None)
    records.episodes(written)
    records.flush()
    metadata = ParquetFile(tmp_path / EPISODES).metadata
    splits = [metadata.row_group(group).column(0).statistics for group in range(metadata.num_row_groups)]
    assert [(split.min, split.max) for split in splits] == [
        ("val", "val"),
        ("test", "test"),
        ("test inductive", "test inductive"),
    ]
    assert pd.read_parquet(tmp_path / EPISODES).to_dict("records") == written


def test_tables_without_rows_are_tables(tmp_path: Path) -> None:
    Records(tmp_path, None).flush()
    for name in (EPISODES, HYPERPARAMETERS):
        assert len(pd.read_parquet(tmp_path / name)) == 0
        assert "iteration" in pd.read_parquet(tmp_path / name)
