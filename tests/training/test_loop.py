"""One cell: what it leaves on disk, that it learns, that it resumes to the same bytes, and what stops it."""

import errno
import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch

from fewshot_bench.basics import files
from fewshot_bench.basics.errors import BenchError, CellError
from fewshot_bench.cells.cell import Evaluation, Training
from fewshot_bench.cells.folders import CHECKPOINTS, RESULT
from fewshot_bench.data.pool import Pool
from fewshot_bench.training import checkpoint
from fewshot_bench.training.assembly import assemble
from fewshot_bench.training.gradients import gradients
from fewshot_bench.training.meta_step import begin, meta_step
from fewshot_bench.training.plan import Plan
from fewshot_bench.training.programs import traced
from fewshot_bench.training.programs.base import cached_by_shape
from fewshot_bench.training.records import best_epochs
from fewshot_bench.training.replica import Interrupted, Moment
from tests.tiny import tiny_cell
from tests.training.in_float64 import in_float64
from tests.training.one_cell import train_one

PLAN = Plan("cpu", 1, 8)
CELL = tiny_cell({"iterations": 7}, {"tasks": 10}, inner_optimizer="adam")


def go_on(moment: Moment) -> bool:
    return False


def stop_at(iteration: int):
    return lambda moment: moment.phase == "training" and moment.iteration == iteration


@pytest.fixture(scope="module")
def whole(pattern_pool: Pool, tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """By number of meta-steps, the folder of the cell trained without a stop."""
    folders = {iterations: tmp_path_factory.mktemp("undisturbed") for iterations in (0, 7)}
    for iterations, folder in folders.items():
        cell = replace(CELL, training=replace(CELL.training, iterations=iterations))
        train_one(assemble(cell, pattern_pool, PLAN), folder, go_on)
    return folders


@pytest.fixture
def undisturbed(whole: dict[int, Path]) -> Path:
    return whole[7]


def test_what_a_cell_leaves_on_disk(undisturbed):
    result = json.loads((undisturbed / RESULT).read_text())
    assert result["cell"] == CELL.id
    assert result["iterations"] == 7
    assert [(e["epoch"], e["iteration"]) for e in result["epochs"]] == [(1, 2), (2, 4), (3, 6), (4, 7)]
    best = sorted(result["epochs"], key=lambda e: -e["val_accuracy"])
    assert result["val_accuracy"] == best[0]["val_accuracy"]
    assert result["ensemble"] == 2
    assert result["fingerprint"]["evaluation_tasks"] == 10

    metrics = [json.loads(line) for line in (undisturbed / "metrics.jsonl").read_text().splitlines()]
    assert [m["iteration"] for m in metrics if "loss" in m] == list(range(1, 8))
    assert sum("val_accuracy" in m for m in metrics) == 4

    learned = pd.read_parquet(undisturbed / "hyperparameters.parquet")
    assert list(learned) == ["iteration", "epoch", "inner_step", "parameter", "hyperparameter", "value"]
    assert len(learned) == 8 * 18 * 3  # at the start and after each step; vgg's tensors; rate and two betas
    assert set(learned["hyperparameter"]) == {"lr", "beta1", "beta2"}
    assert learned[learned.iteration == 0].groupby("hyperparameter")["value"].unique().map(list).to_dict() == {
        "lr": [pytest.approx(0.1)],
        "beta1": [0.5],
        "beta2": [0.5],
    }
    assert learned[learned.iteration == 7]["value"].nunique() > 18

    episodes = pd.read_parquet(undisturbed / "episodes.parquet")
    assert list(episodes) == ["split", "iteration", "task", "accuracy", "loss"]
    test = episodes[episodes.split == "test"]
    assert len(test) == 10
    assert test["accuracy"].mean() == pytest.approx(result["test_accuracy"])
    assert 1.96 * test["accuracy"].std() / 10**0.5 == pytest.approx(result["test_ci95"])
    assert len(episodes[episodes.split == "val"]) == 40


def test_a_result_says_nothing_of_when_and_where(undisturbed, tmp_path):
    text = (undisturbed / RESULT).read_text()
    assert str(tmp_path) not in text
    assert not {"host", "seconds", "started", "device", "threads"} & set(json.loads(text))


def same_files(one: Path, other: Path) -> None:
    for name in (RESULT, "metrics.jsonl"):
        assert (one / name).read_bytes() == (other / name).read_bytes()
    for name in ("hyperparameters.parquet", "episodes.parquet"):
        pd.testing.assert_frame_equal(pd.read_parquet(one / name), pd.read_parquet(other / name))


@pytest.mark.parametrize("at", [0, 1, 2, 5, 6])
def test_interrupted_anywhere_it_ends_as_if_it_had_not_been(undisturbed, pattern_pool, tmp_path, at):
    folder = tmp_path / "interrupted"
    folder.mkdir()
    with pytest.raises(Interrupted):
        train_one(assemble(CELL, pattern_pool, PLAN), folder, stop_at(at))
    assert not (folder / RESULT).exists()
    train_one(assemble(CELL, pattern_pool, PLAN), folder, go_on)
    same_files(folder, undisturbed)


@pytest.mark.parametrize("iterations", [0, 7])
@pytest.mark.parametrize(("phase", "looks"), [("validation", 1), ("validation", 3), ("test", 2), ("test", 3)])
def test_stopped_within_an_evaluation_it_ends_as_if_it_had_not_been(
    whole, pattern_pool, tmp_path, phase, looks, iterations
):
    """Two members see ten tasks: the test is looked at before it begins, and before each of them."""
    cell = replace(CELL, training=replace(CELL.training, iterations=iterations))
    if not iterations and looks == 3:
        pytest.skip("an untrained network is validated once, and tested by one member")
    seen = []

    def stop(moment):
        seen.append(moment.phase)
        return moment.phase == phase and seen.count(phase) == looks

    with pytest.raises(Interrupted):
        train_one(assemble(cell, pattern_pool, PLAN), tmp_path, stop)
    assert seen[-1] == phase  # nothing is begun after it
    assert not (tmp_path / RESULT).exists()
    train_one(assemble(cell, pattern_pool, PLAN), tmp_path, go_on)
    same_files(tmp_path, whole[iterations])


def test_a_damaged_checkpoint_is_noticed_and_the_one_before_it_used(undisturbed, pattern_pool, tmp_path):
    folder = tmp_path / "damaged"
    folder.mkdir()
    with pytest.raises(Interrupted):
        train_one(assemble(CELL, pattern_pool, PLAN), folder, stop_at(5))
    older, newest = sorted((folder / CHECKPOINTS).glob("step-*"))
    content = newest.read_bytes()
    newest.write_bytes(content[: len(content) // 2])
    found = checkpoint.newest(folder / CHECKPOINTS, "step")
    assert found is not None
    assert found.facts["iteration"] == 4 == int(older.name.split("-")[1])
    train_one(assemble(CELL, pattern_pool, PLAN), folder, go_on)
    assert (folder / RESULT).read_bytes() == (undisturbed / RESULT).read_bytes()


def test_a_disk_that_fills_keeps_the_old_checkpoint(undisturbed, pattern_pool, tmp_path, monkeypatch):
    folder = tmp_path / "full"
    folder.mkdir()
    write = Path.write_bytes

    def full(path: Path, content: bytes) -> int:
        if ".step-00000004" in path.name:
            write(path, content[:100])
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(path, content)

    monkeypatch.setattr(files.Path, "write_bytes", full)
    with pytest.raises(BenchError, match=r"cannot write .*step-00000004.*No space left on device"):
        train_one(assemble(CELL, pattern_pool, PLAN), folder, go_on)
    monkeypatch.undo()
    assert [path.name.split("-")[1] for path in (folder / CHECKPOINTS).glob("*step-*")] == ["00000002"]
    train_one(assemble(CELL, pattern_pool, PLAN), folder, go_on)
    assert (folder / RESULT).read_bytes() == (undisturbed / RESULT).read_bytes()


def test_only_the_last_checkpoints_and_the_ensemble_are_kept(undisturbed):
    names = sorted(path.name for path in (undisturbed / CHECKPOINTS).iterdir())
    assert sum(name.startswith("step-") for name in names) == checkpoint.KEPT
    kept = {int(name.split("-")[1]) for name in names if name.startswith("epoch-")}
    assert kept == set(json.loads((undisturbed / RESULT).read_text())["ensemble_epochs"])


def test_a_loss_that_is_not_finite_names_step_and_quantity(pattern_pool, tmp_path):
    assembly = assemble(CELL, pattern_pool, PLAN)
    weights = {name: value * float("nan") for name, value in assembly.parts.model.weights.items()}
    broken = assembly._replace(parts=assembly.parts._replace(model=assembly.parts.model._replace(weights=weights)))
    with pytest.raises(CellError, match="loss is nan at meta-step 1"):
        train_one(broken, tmp_path, go_on)


def test_validations_and_the_test_are_one_program(pattern_pool, tmp_path, monkeypatch):
    """Files of checkpoints have names in whatever order; a program is made anew for another order."""
    made = []
    find = cached_by_shape
    monkeypatch.setattr(traced, "cached_by_shape", lambda make: find(lambda *inputs: made.append(1) or make(*inputs)))
    cell = replace(
        CELL,
        backbone="tests.training.networks:small",
        backbone_options=(),
        learner="maml",
        training=replace(CELL.training, iterations=4, inner_steps=1),
        evaluation=Evaluation(tasks=1, ensemble=2),
    )
    result = train_one(assemble(cell, pattern_pool, Plan("cpu", 1, 1, "traced")), tmp_path, go_on)
    assert result["ensemble"] == 2
    assert len(made) == 2  # the meta-gradient, and predictions


def test_untrained_is_evaluated_and_needs_no_training(pattern_pool, tmp_path):
    cell = replace(CELL, training=replace(CELL.training, iterations=0))
    result = train_one(assemble(cell, pattern_pool, PLAN), tmp_path, go_on)
    assert (result["iterations"], result["ensemble"]) == (0, 1)
    assert (tmp_path / "metrics.jsonl").read_text().count("\n") == 1


def test_training_learns(pattern_pool, tmp_path):
    """Better than untrained on the same tasks, paired, by over three standard errors; by over ten for seeds 0 to 9."""
    scores = {}
    for iterations in (0, 20):
        cell = replace(
            CELL,
            ways=5,
            inner_optimizer="sgd",
            backbone_options=(("filters", 8),),
            training=Training(iterations=iterations, iterations_per_epoch=10, tasks_per_batch=4),
            evaluation=Evaluation(tasks=60, ensemble=1),
            learner_options=(("meta_lr", 0.01),),
        )
        folder = tmp_path / str(iterations)
        folder.mkdir()
        train_one(assemble(cell, pattern_pool, PLAN), folder, go_on)
        episodes = pd.read_parquet(folder / "episodes.parquet")
        scores[iterations] = episodes[episodes.split == "test"].set_index("task")["accuracy"]
    gain = scores[20] - scores[0]
    assert gain.mean() > 3 * gain.std() / len(gain) ** 0.5


def test_seeds_move_training_and_weights_but_not_evaluation(pattern_pool):
    first, second = (assemble(replace(CELL, seed=seed), pattern_pool, PLAN) for seed in (0, 1))
    assert not torch.equal(first.streams.train(0, 4).support.x, second.streams.train(0, 4).support.x)
    assert torch.equal(first.streams.val(0, 4).support.x, second.streams.val(0, 4).support.x)
    assert torch.equal(first.streams.test(0, 4).query.x, second.streams.test(0, 4).query.x)
    assert not torch.equal(first.streams.val(0, 4).support.x, first.streams.test(0, 4).support.x)
    name = next(iter(first.parts.model.weights))
    assert not torch.equal(first.parts.model.weights[name], second.parts.model.weights[name])
    fixed = [replace(CELL, seed=seed, training=replace(CELL.training, init_seed=0)) for seed in (0, 1)]
    one, two = (assemble(cell, pattern_pool, PLAN).parts.model.weights[name] for cell in fixed)
    assert torch.equal(one, two)


@pytest.mark.parametrize("rule", ["sgd", "adam"])
def test_layouts_train_alike(pattern_pool, rule):
    """In float64: in float32 rounding decides which of two equal pixels a max-pool takes, and that is soon seen."""
    losses = {}
    cell = replace(CELL, inner_optimizer=rule, training=replace(CELL.training, tasks_per_batch=5))
    for at_once in (1, 2, 8):
        assembly = in_float64(assemble(cell, pattern_pool, PLAN._replace(tasks_at_once=at_once)))
        state = begin(assembly.learner, assembly.parts, 2, "cpu")
        find = gradients(assembly)
        losses[at_once] = [meta_step(assembly, find, state)["loss"] for _ in range(6)]
    assert losses[2] == pytest.approx(losses[1], abs=1e-9)
    assert losses[8] == pytest.approx(losses[1], abs=1e-9)


def test_of_equally_validated_epochs_the_earlier_is_tested():
    """docs/protocol.md: the paper's code takes the later."""
    epochs = [{"epoch": place, "val_accuracy": value} for place, value in enumerate((0.5, 0.9, 0.7, 0.9, 0.7), start=1)]
    assert [record["epoch"] for record in best_epochs(epochs, 3)] == [2, 4, 3]
