"""Options of a dataset in a grid: another size makes another pool, another cell, and the same tasks."""

from pathlib import Path

import pytest

from fewshot_bench.basics.errors import DataError, GridError
from fewshot_bench.cells.config_file import from_table, to_table
from fewshot_bench.data import mini_imagenet, omniglot
from fewshot_bench.data.dataset import Dataset
from fewshot_bench.data.datasets import dataset_of, open_pool
from fewshot_bench.grid.expand import expand
from fewshot_bench.grid.files import GridFile
from fewshot_bench.grid.retrying import as_grid
from fewshot_bench.grid.validation import network_faults
from fewshot_bench.training.assembly import assemble
from fewshot_bench.training.plan import Plan
from tests import fake_data as fake
from tests.tiny import tiny_grid


def cells(**tables: object):
    return expand(GridFile("grid", "grid.toml", tiny_grid() | tables))


def omniglot_of(size: int) -> Dataset:
    (cell,) = cells(datasets={"omniglot": {"size": size}})
    return dataset_of(cell)


def test_a_size_is_a_part_of_the_cell() -> None:
    (plain,), (usual,), (small,) = (
        cells(),
        cells(datasets={"omniglot": {"size": 28}}),
        cells(datasets={"omniglot": {"size": 20}}),
    )
    assert plain == usual
    assert plain.dataset_options == ()
    assert small.dataset_options == (("size", 20),)
    assert small.id != plain.id
    assert from_table(to_table(small)) == small
    assert expand(as_grid(small)) == [small]
    (own,) = cells(cells=[{"dataset_options": {"size": 20}}])[1:]
    assert own == small


def test_each_size_has_its_own_pool_and_the_same_tasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(omniglot, "EXAMPLES", 2)
    fake.write_omniglot_zips(tmp_path, fake.omniglot_files(examples=2))
    drawn = []
    for size in (28, 20):
        known = omniglot_of(size)
        pool = open_pool(known, tmp_path)
        assert pool.shape == known.shape == (1, size, size)
        (cell,) = cells(datasets={"omniglot": {"size": size}})
        task = assemble(cell, pool, Plan("cpu", 1, 1)).streams.test(0, 3)
        assert task.support.x.shape[-2:] == (size, size)
        drawn.append(task.classes.tolist())
    assert drawn[0] == drawn[1]
    assert sorted(path.name for path in (tmp_path / ".prepared").iterdir() if path.is_dir()) == [
        "omniglot",
        "omniglot-20",
    ]


def test_pickles_have_one_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mini_imagenet, "EXAMPLES", 1)
    fake.write_pickles(tmp_path, fake.photos(1), by_python_2=False)
    with pytest.raises(DataError, match="holds pickles of 84x84 images; `size` = 64 needs the photographs"):
        open_pool(mini_imagenet.mini_imagenet(size=64), tmp_path)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"size": 4}, "`size` of omniglot is 4, but has to be from 8 to 105"),
        ({"size": "big"}, "`size` is 'big', but has to be a whole number"),
        ({"sise": 28}, r"nothing reads the key 'sise' \(did you mean 'size'\?\)"),
    ],
)
def test_wrong_options_are_told(table: dict[str, object], message: str) -> None:
    with pytest.raises(GridError, match=message):
        cells(datasets={"omniglot": table})


def test_a_table_of_a_dataset_may_set_training_for_its_cells() -> None:
    made = cells(datasets={"omniglot": {"queries": 3}})
    assert [cell.training.queries for cell in made] == [3]


def test_a_network_that_cannot_take_a_size_says_so() -> None:
    small = cells(datasets={"omniglot": {"size": 8}})
    (fault,) = network_faults(small)
    assert fault.startswith("backbone 'vgg' for omniglot, 3 ways: ")
    assert "the images of omniglot are [n, 1, 8, 8]" in fault
    pools_globally = tiny_grid(grid={"backbone": ["resnet-4"]}) | {"datasets": {"omniglot": {"size": 8}}}
    assert network_faults(expand(GridFile("grid", "grid.toml", pools_globally))) == []
