"""Intervals and p values against draws, textbook examples, simulation and hand values."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray
from pyarrow.parquet import ParquetFile, ParquetWriter

from fewshot_bench.basics.errors import BenchError
from fewshot_bench.cells.reading import CellFolder, read_cell
from fewshot_bench.report.statistics.accuracies import by_task
from fewshot_bench.report.statistics.estimate import MeanEstimate, estimate, holm
from tests.report.factory import write_cell

SLEEP = [1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4]
"""Extra hours of sleep, one drug minus the other, ten patients (Student 1908); R prints the test of it in ?sleep."""


def crossed(rng: np.random.Generator, shape: tuple[int, int], seed: float, task: float, both: float) -> NDArray:
    """A table [seeds, tasks] of mean 0 whose rows, columns and fields have effects of these standard deviations."""
    seeds, tasks = shape
    rows, columns = seed * rng.standard_normal((seeds, 1)), task * rng.standard_normal((1, tasks))
    return rows + columns + both * rng.standard_normal(shape)


def covered(found: MeanEstimate) -> bool:
    return abs(found.mean) <= found.half_width


def test_the_standard_error_is_that_of_draws_of_seeds_and_of_tasks() -> None:
    rng = np.random.default_rng(0)
    values = crossed(rng, (4, 12), 1.0, 2.0, 3.0)
    draws = 20_000
    seeds = rng.multinomial(3, [1 / 4] * 4, draws) / 3
    tasks = rng.multinomial(11, [1 / 12] * 12, draws) / 11
    means = np.einsum("ds,st,dt->d", seeds, values, tasks)
    found = estimate(values)
    assert found.mean == pytest.approx(values.mean())
    assert found.standard_error == pytest.approx(means.std(), rel=0.02)  # four standard errors of so many draws


def test_one_seed_is_students_paired_test_over_tasks() -> None:
    found = estimate(np.array([SLEEP]))
    assert found.degrees == 9
    assert found.mean / found.standard_error == pytest.approx(4.0621, abs=5e-5)
    assert found.p == pytest.approx(0.002833, abs=5e-7)
    low, high = found.mean - found.half_width, found.mean + found.half_width
    assert (low, high) == pytest.approx((0.7001142, 2.4598858), abs=5e-8)


def test_where_tasks_agree_it_is_students_interval_over_seeds() -> None:
    found = estimate(np.repeat([[1.0], [2.0], [3.0]], 50, axis=1))
    assert found.degrees == pytest.approx(2)
    assert found.half_width == pytest.approx(4.302653 / math.sqrt(3), rel=1e-6)  # t of 2 degrees, any table


def test_the_parts_add_up_as_by_hand() -> None:
    # means of seeds 2 and 4, of tasks 2, 3 and 4; what is left: -1, 0, 1 and 1, 0, -1
    found = estimate(np.array([[0.0, 2.0, 4.0], [4.0, 4.0, 4.0]]))
    seeds, tasks, left = 2 / 2, 1 / 3, (4 / 2) / 6
    assert found.mean == 3
    assert found.standard_error == pytest.approx(math.sqrt(seeds + tasks + left))
    assert found.degrees == pytest.approx((seeds + tasks + left) ** 2 / (seeds**2 + tasks**2 / 2 + left**2 / 2))
    assert found[3:] == (2, 3)


@pytest.mark.parametrize(
    ("shape", "effects", "least", "most"),
    [
        ((1, 100), (0.0, 1.0, 1.0), 0.92, 0.98),
        ((3, 100), (1.0, 1.0, 1.0), 0.90, 0.97),
        ((3, 100), (0.1, 1.0, 1.0), 0.94, 1.00),
        ((5, 100), (0.0, 0.0, 1.0), 0.94, 1.00),
        ((5, 100), (0.1, 1.0, 3.0), 0.94, 1.00),
    ],
    ids=str,
)
def test_the_interval_covers(
    shape: tuple[int, int], effects: tuple[float, float, float], least: float, most: float
) -> None:
    rng = np.random.default_rng(1)
    tables = [crossed(rng, shape, *effects) for _ in range(800)]
    assert least <= np.mean([covered(estimate(table)) for table in tables]) <= most


def test_taking_every_field_for_a_draw_of_its_own_would_not_cover() -> None:
    rng = np.random.default_rng(1)
    tables = [crossed(rng, (3, 100), 1.0, 1.0, 1.0) for _ in range(200)]
    assert np.mean([covered(estimate(table.reshape(1, -1))) for table in tables]) < 0.3


def test_false_alarms_are_as_rare_as_said() -> None:
    rng = np.random.default_rng(2)
    values = np.array([estimate(crossed(rng, (1, 200), 0.0, 1.0, 0.5)).p for _ in range(1000)])
    assert 0.03 <= (values < 0.05).mean() <= 0.07
    assert 0.45 <= (values < 0.5).mean() <= 0.55


def test_what_cannot_be_tested_has_no_p() -> None:
    same = estimate(np.full((3, 5), 0.1))
    assert (same.mean, same.standard_error, same.half_width) == (pytest.approx(0.1), 0.0, 0.0)
    assert math.isnan(same.p)
    assert estimate(np.zeros((1, 5))).p == 1.0
    for single in (np.array([[0.3]]), np.array([[0.3], [0.5]])):
        found = estimate(single)
        assert math.isnan(found.standard_error)
        assert math.isnan(found.half_width)
        assert math.isnan(found.p)


@pytest.mark.parametrize(
    ("values", "corrected"),
    [
        ([0.01, 0.02, 0.03, 0.04], [0.04, 0.06, 0.06, 0.06]),
        ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),
        ([0.6, 0.9], [1.0, 1.0]),
        ([0.02], [0.02]),
        ([], []),
    ],
    ids=str,
)
def test_holm(values: list[float], corrected: list[float]) -> None:
    assert holm(values) == pytest.approx(corrected)


def test_what_was_not_tested_does_not_count() -> None:
    first, second, third = holm([0.01, math.nan, 0.03])
    assert (first, third) == pytest.approx((0.02, 0.03))
    assert math.isnan(second)


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
