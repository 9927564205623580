"""Accuracies by task come from the test alone, however the file is laid out, and never from one that is not right."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow.parquet import ParquetFile, ParquetWriter

from fewshot_bench.basics.errors import BenchError
from fewshot_bench.cells.reading import CellFolder, read_cell
from fewshot_bench.report.statistics.accuracies import by_task
from tests.report.factory import write_cell

ROWS = {
    "split": ["val", "val", "test", "test", "test", "test inductive", "test inductive"],
    "task": [0, 1, 2, 0, 1, 0, 1],
    "accuracy": [0.1, 0.2, 0.9, 0.5, 0.7, 0.3, 0.4],
}


def cell_with(tmp_path: Path, ends: Sequence[int] = (7,), **columns: Any) -> CellFolder:
    """A cell whose test accuracy is 0.7, and whose episodes.parquet has ROWS, in row groups that end at `ends`."""
    folder = write_cell(tmp_path, [0.7], also={"inductive": [0.35]})
    table = pa.table({name: values for name, values in (ROWS | columns).items() if values is not None})
    with ParquetWriter(folder / "episodes.parquet", table.schema) as file:
        for first, end in zip([0, *ends], ends, strict=False):
            file.write_table(table.slice(first, end - first))
    cell = read_cell(folder)
    assert cell is not None
    return cell


@pytest.mark.parametrize("ends", [(7,), (2, 5, 7), (1, 4, 6, 7)], ids=str)
def test_the_rows_of_one_test_by_task(tmp_path: Path, ends: tuple[int, ...]) -> None:
    cell = cell_with(tmp_path, ends)
    found = by_task(cell)
    assert found.tasks.tolist() == [0, 1, 2]
    assert found.accuracy.tolist() == [0.5, 0.7, 0.9]
    inductive = cell._replace(test="test inductive", result={"test_accuracy": 0.35})
    assert by_task(inductive).accuracy.tolist() == [0.3, 0.4]


def test_validations_in_a_row_group_of_their_own_are_not_read(tmp_path: Path) -> None:
    cell = cell_with(tmp_path, (2, 5, 7))
    path = cell.folder / "episodes.parquet"
    first = ParquetFile(path).metadata.row_group(0)
    content = bytearray(path.read_bytes())
    start, size = first.column(0).dictionary_page_offset, first.total_byte_size
    content[start : start + size] = bytes(size)
    path.write_bytes(content)
    assert by_task(cell).accuracy.tolist() == [0.5, 0.7, 0.9]


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"task": [0, 1, 2, 0, 0, 0, 1]}, "does not agree"),
        ({"accuracy": [0.7, 0.7, 0.9, 0.5, 0.6, 0.3, 0.4]}, "does not agree"),
        ({"accuracy": [0.7, 0.7, 0.9, 0.5, np.nan, 0.3, 0.4]}, "does not agree"),
        ({"split": ["val"] * 7}, "does not agree"),
        ({"split": ["test"] * 5 + [None] * 2}, "does not agree"),
        ({"split": [1] * 7}, "cannot be read"),
        ({"task": ["one"] * 7}, "cannot be read"),
        ({"accuracy": ["much"] * 7}, "cannot be read"),
        ({"task": None}, "no column task"),
        ({"split": None}, "cannot be read"),
    ],
)
def test_a_file_that_is_not_right_is_a_sentence(tmp_path: Path, columns: dict[str, Any], words: str) -> None:
    cell = cell_with(tmp_path, **columns)
    with pytest.raises(BenchError, match=words) as raised:
        by_task(cell)
    assert cell.name in str(raised.value)


def test_a_row_without_a_split_is_of_no_test(tmp_path: Path) -> None:
    cell = cell_with(tmp_path, (2, 7), split=["val", "val", "test", "test", "test", None, None])
    assert by_task(cell).accuracy.tolist() == [0.5, 0.7, 0.9]
