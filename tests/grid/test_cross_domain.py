"""A cell that is tested on another dataset: its training is that of any cell, its tests are the other dataset's."""

import json
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
import tomli_w
import torch

from fewshot_bench.api.evaluating import evaluate_cell
from fewshot_bench.api.loading import load_cell
from fewshot_bench.basics.errors import BenchError, GridError
from fewshot_bench.cells.cell import Cell, Evaluation
from fewshot_bench.cells.config_file import from_table, to_table
from fewshot_bench.cells.folders import folder_of
from fewshot_bench.cells.reading import read_cells
from fewshot_bench.data.datasets import dataset_named, open_pool
from fewshot_bench.data.splits import read_split
from fewshot_bench.grid.expand import expand
from fewshot_bench.grid.files import GridFile
from fewshot_bench.grid.retrying import as_grid, changed_cells
from fewshot_bench.grid.run import open_pools, run
from fewshot_bench.report.page.folder import grid_file
from fewshot_bench.report.tables import FORMATS, read_report
from fewshot_bench.training.assembly import assemble
from fewshot_bench.training.plan import Plan
from tests.tiny import tiny_grid

TINY = tiny_grid(training={"iterations": 2, "iterations_per_epoch": 1, "tasks_per_batch": 2})


def cells(evaluation: dict[str, object], grid: dict[str, object] | None = None) -> list[Cell]:
    content = TINY | {"evaluation": TINY.get("evaluation", {}) | evaluation}
    return expand(GridFile("grid", "grid.toml", content | {"grid": TINY["grid"] | (grid or {})}))


@pytest.fixture
def both(pattern_data: Path, glyphs_data: Path, tmp_path: Path) -> Path:
    """A data folder with Omniglot's stand-in and the glyphs."""
    prepared = tmp_path / "data" / ".prepared"
    prepared.mkdir(parents=True)
    for folder, name in ((pattern_data, "omniglot"), (glyphs_data, "glyphs")):
        (prepared / name).symlink_to(folder / ".prepared" / name)
    return tmp_path / "data"


def test_training_tasks_are_its_own_and_the_others_those_of_the_other_dataset(both: Path) -> None:
    (plain,), (other,) = cells({}), cells({"dataset": "glyphs"})
    assert other.id != plain.id
    assert (other.test_dataset, other.test_split) == ("glyphs", "scripts")
    ours, theirs = (
        assemble(cell, next(iter(open_pools([cell], both).values())), Plan("cpu", 1, 1)) for cell in (plain, other)
    )
    assert torch.equal(ours.streams.train(0, 3).support.x, theirs.streams.train(0, 3).support.x)
    on_glyphs = replace(plain, dataset="glyphs", split="scripts")
    alone = assemble(on_glyphs, open_pool(dataset_named("glyphs"), both), Plan("cpu", 1, 1))
    for part in ("val", "test"):
        expected, found = (getattr(one.streams, part)(0, 3) for one in (alone, theirs))
        assert torch.equal(expected.support.x, found.support.x)
        assert torch.equal(expected.query.x, found.query.x)
    assert theirs.fingerprint["split_hash"] == read_split("glyphs", "scripts").hash
    assert theirs.fingerprint["train_split_hash"] == ours.fingerprint["split_hash"]


def test_the_table_has_a_column_and_no_published_number(both: Path, tmp_path: Path) -> None:
    made = cells({"dataset": ["omniglot", "glyphs"]})
    out = tmp_path / "out"
    assert run(made, out, data_dir=both, plan={"program": "eager"}).undone == {}
    text = FORMATS["terminal"](read_report(out))
    assert "tested on" in text
    axes = [row.axes["dataset"] for row in read_report(out).results.rows]
    assert axes == ["omniglot", "omniglot -> glyphs"]
    loaded = load_cell(folder_of(out, made[1]))
    result = json.loads((folder_of(out, made[1]) / "result.json").read_text())
    assert float(evaluate_cell(loaded, both).accuracy.mean()) == pytest.approx(result["test_accuracy"])


def test_a_cell_that_names_its_own_dataset_is_the_plain_cell() -> None:
    assert cells({"dataset": "omniglot"}) == cells({})


def test_it_is_written_and_read_and_tried_again() -> None:
    (cell,) = cells({"dataset": "glyphs"})
    assert from_table(to_table(cell)) == cell
    assert expand(as_grid(cell)) == [cell]
    assert cell.evaluation == replace(cells({})[0].evaluation, dataset="glyphs", split="scripts")
    assert Evaluation().dataset is None
    with pytest.raises(BenchError, match=r"the changes make 2 cells of omniglot.* Give one value"):
        changed_cells([cell], ['evaluation.dataset=["omniglot", "glyphs"]', 'evaluation.split=["gimli", "scripts"]'])
    (plain,) = cells({})
    assert changed_cells([plain], ["evaluation.dataset=glyphs"]) == {plain: cell}


@pytest.mark.parametrize(
    ("evaluation", "message"),
    [
        ({"dataset": "glyps"}, r"unknown dataset 'glyps' \(did you mean 'glyphs'\?\)"),
        ({"dataset": "glyphs", "split": "gimli"}, "glyphs has none of the splits 'gimli'. It has: scripts"),
        ({"split": "gimli"}, "`split` is for the `dataset` beside it"),
        ({"dataset": "mini-imagenet"}, "images are 3x84x84, but omniglot has 1x28x28"),
        ({"dataset": "sinusoid"}, "whose loss is the squared-error, but omniglot has the cross-entropy"),
        ({"dataset": 3}, "`dataset` is 3, but has to be"),
        ({"dataset": "glyphs", "queries": 30}, "glyphs has 20 of each class"),
        ({"dataset": []}, "the list `dataset` is empty"),
        ({"dataset": "omniglot", "split": "vinyals"}, "`split` is 'vinyals', but cells of omniglot are tested on"),
    ],
)
def test_what_cannot_be_tested_is_told(evaluation: dict[str, object], message: str) -> None:
    with pytest.raises(GridError, match=message):
        cells(evaluation)


@pytest.mark.parametrize(
    ("dataset", "table", "message"),
    [
        ("omniglot", {"size": "x"}, "`size` is 'x', but has to be a whole number"),
        ("omniglot", {"siz": 28}, "nothing reads the key 'siz'"),
        ("omniglot", {"size": 0}, "`size` of omniglot is 0, but has to be from 8 to 105"),
        ("omniglot", {"iterations": 3}, "`iterations` is for training, and no cell is trained on omniglot"),
        ("glyphs", {"size": 32}, "nothing reads the key 'size'"),
    ],
)
def test_options_of_the_other_dataset_are_checked(dataset: str, table: dict[str, object], message: str) -> None:
    trained_on = "glyphs" if dataset == "omniglot" else "omniglot"
    axes = TINY["grid"] | {"dataset": [trained_on], "split": []}
    with pytest.raises(GridError, match=message) as raised:
        content = {"grid": axes, "evaluation": {"dataset": dataset}, "datasets": {dataset: table}}
        expand(GridFile("grid", "grid.toml", TINY | content))
    assert len(raised.value.problems) == 1


def test_the_grid_file_of_a_page_has_the_options_of_the_other_dataset(tmp_path: Path) -> None:
    axes = TINY["grid"] | {"dataset": ["mini-imagenet"], "split": []}
    sizes = {"mini-imagenet": {"size": 32}, "cub": {"size": 32}}
    made = expand(GridFile("", "", TINY | {"grid": axes, "evaluation": {"dataset": "cub"}, "datasets": sizes}))
    for cell in made:
        folder = folder_of(tmp_path, cell)
        folder.mkdir(parents=True)
        (folder / "config.toml").write_text(tomli_w.dumps(to_table(cell)))
    assert expand(GridFile("", "", tomllib.loads(grid_file(read_cells(tmp_path))))) == made


def test_a_fault_in_an_axis_brings_no_others_about_tables() -> None:
    with pytest.raises(GridError, match="`size` of omniglot is 3") as raised:
        expand(GridFile("grid", "grid.toml", TINY | {"datasets": {"omniglot": {"size": 3}}}))
    assert len(raised.value.problems) == 1
