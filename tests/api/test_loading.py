"""A loaded cell is the cell that was tested; what is none, or no longer whole, is a sentence."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from fewshot_bench.api.evaluating import evaluate_cell
from fewshot_bench.api.loading import load_cell, plan_here
from fewshot_bench.api.sensitivity import sensitivity
from fewshot_bench.basics.errors import BenchError
from fewshot_bench.data.pool import Pool
from fewshot_bench.training.assembly import assemble
from fewshot_bench.training.plan import Plan
from tests.api.conftest import recorded
from tests.training.one_cell import train_one

CELLS = {
    "maml++ with sgd": {},
    "maml++ with adam, which starts from the meta-optimizer's statistics": {"grid": {"inner_optimizer": ["adam"]}},
    "protonet": {"grid": {"learner": ["protonet"]}},
    "reptile, which draws minibatches": {"grid": {"learner": ["reptile"]}},
    "untrained": {"training": {"iterations": 0}},
}


@pytest.mark.parametrize("changes", CELLS.values(), ids=CELLS)
def test_a_loaded_cell_is_tested_as_recorded(finished, pattern_data, changes):
    folder = finished(**changes)
    scores = evaluate_cell(load_cell(folder), pattern_data)
    assert scores.accuracy.tolist() == recorded(folder)["accuracy"].tolist()
    assert scores.loss.tolist() == recorded(folder)["loss"].tolist()
    assert float(scores.accuracy.mean()) == json.loads((folder / "result.json").read_text())["test_accuracy"]


def test_so_is_one_whose_plan_has_workers(finished, pattern_pool: Pool, pattern_data, tmp_path):
    cell = load_cell(finished()).cell
    folder = tmp_path / cell.id
    shutil.copytree(finished(), folder, ignore=shutil.ignore_patterns("checkpoints", "*.parquet", "result.json"))
    plan = Plan("cpu", 1, 1, "traced", workers=2)
    train_one(assemble(cell, pattern_pool, plan), folder, lambda moment: False)
    status = json.loads((folder / "status.json").read_text())
    (folder / "status.json").write_text(json.dumps(status | {"plan": plan._asdict()}))
    loaded = load_cell(folder)
    assert loaded.plan == plan
    scores = evaluate_cell(loaded, pattern_data)
    assert scores.loss.tolist() == recorded(folder)["loss"].tolist()
    assert scores.loss.tolist() != recorded(finished())["loss"].tolist()  # by another plan, which rounds otherwise


def test_the_last_statistics_are_loaded_too(finished):
    """Adam's first moments are those of the last checkpoint, read here by themselves."""
    from safetensors.torch import load_file

    folder = finished(**CELLS["maml++ with adam, which starts from the meta-optimizer's statistics"])
    (last,) = (folder / "checkpoints").glob("step-00000004-*")
    loaded = load_cell(folder)
    kept = load_file(last)
    for name, tensor in loaded.stage.outer.exp_avg.items():
        assert torch.equal(tensor, kept[f"optimizer/exp_avg/weights/{name}"])
    assert float(loaded.stage.outer.steps) == 4


@pytest.fixture
def copied(finished, tmp_path: Path) -> Path:
    """A cell to be spoiled."""
    return Path(shutil.copytree(finished(), tmp_path / "cells" / finished().name))


def cut(folder: Path, pattern: str) -> None:
    for path in (folder / "checkpoints").glob(pattern):
        path.write_bytes(path.read_bytes()[:-9])


def test_a_cell_that_was_carried_elsewhere_is_the_same(copied, finished, pattern_data):
    assert evaluate_cell(load_cell(copied), pattern_data).loss.tolist() == recorded(finished())["loss"].tolist()


SPOILED = [
    pytest.param(lambda c: c.rename(c.parent / "mine"), "mine is failed: .*its folder renamed", id="renamed"),
    pytest.param(lambda c: cut(c, "step-00000004*") or c, "step-00000004-.* is torn or was changed", id="torn step"),
    pytest.param(lambda c: cut(c, "epoch-*") or c, "epoch-.* is missing or damaged", id="torn epoch"),
    pytest.param(
        lambda c: shutil.rmtree(c / "checkpoints") or c, r"has a result, but its checkpoints are not there", id="none"
    ),
    pytest.param(lambda c: c.parent.parent, r"is a folder of 1 cell\. Give one of them, as .*cells/omniglot", id="all"),
    pytest.param(lambda c: c / "checkpoints", "holds no cell. Give a cell's own folder", id="another folder"),
    pytest.param(lambda c: c / "nowhere", "nowhere is not there", id="no folder"),
]


@pytest.mark.parametrize(("spoil", "said"), SPOILED)
def test_what_cannot_be_loaded_is_a_sentence(copied, spoil, said):
    with pytest.raises(BenchError, match=said):
        load_cell(spoil(copied))


def test_a_cell_that_is_not_done_is_a_sentence(copied):
    status = json.loads((copied / "status.json").read_text())
    (copied / "status.json").write_text(json.dumps(status | {"status": "failed", "reason": "the loss is nan"}))
    with pytest.raises(BenchError, match=r"is failed: the loss is nan\. Only a finished cell can be loaded"):
        load_cell(copied)


def test_a_sound_checkpoint_of_another_training_is_a_sentence(copied, finished):
    other = finished(grid={"seed": [1]})
    for path in (copied / "checkpoints").glob("step-*"):
        path.unlink()
    for path in (other / "checkpoints").glob("step-*"):
        shutil.copy(path, copied / "checkpoints")
    with pytest.raises(BenchError, match=r"is of another training than result\.json"):
        load_cell(copied)


def test_other_images_are_a_sentence(finished, pattern_pool):
    from fewshot_bench.api.pools import DatasetPool
    from fewshot_bench.data.datasets import dataset_named

    other = pattern_pool._replace(manifest=pattern_pool.manifest | {"pool_hash": "0123456789"})
    with pytest.raises(BenchError, match="but the pool holds 01234567: another preparation of omniglot"):
        evaluate_cell(load_cell(finished()), DatasetPool(dataset_named("omniglot"), other))


def test_a_pool_is_data_and_a_list_is_none(finished, pattern_pool):
    folder = finished()
    again = evaluate_cell(load_cell(folder), pattern_pool)
    assert again.accuracy.tolist() == pytest.approx(recorded(folder)["accuracy"].tolist())
    for ask in (evaluate_cell, sensitivity):
        with pytest.raises(
            BenchError, match=r"data is a list\. Give what open_pool returns, or the folder of the data"
        ):
            ask(load_cell(folder), [])


def test_a_plan_is_kept_where_it_can_be():
    kept = Plan("cpu", 1, 2, "traced", precision="bfloat16")
    assert plan_here(kept, None) == plan_here(kept, "cpu") == kept
    elsewhere = plan_here(kept._replace(device="cuda:77", program="graph"), None)
    assert (elsewhere.device.partition(":")[0], elsewhere.precision) in {("cpu", "bfloat16"), ("cuda", "bfloat16")}
    assert elsewhere.program == "traced"
    assert plan_here(None, "cpu").program == "eager"


def test_what_it_says_of_itself(finished):
    assert repr(load_cell(finished())).startswith("omniglot-3w1s-maml++-vgg-sgd-seed0-4it-")
