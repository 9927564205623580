"""Seeds side by side in one program: the results of each alone, through interruptions, kills and faults of others."""

import json
import shutil
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from fewshot_bench.basics.lease import lease
from fewshot_bench.cells import folders
from fewshot_bench.cells.cell import Cell, Evaluation
from fewshot_bench.cells.folders import CHECKPOINTS, RESULT
from fewshot_bench.data.datasets import data_of
from fewshot_bench.grid import cell_run, inline
from fewshot_bench.grid.cell_run import Listener
from fewshot_bench.grid.inline import run_cells
from fewshot_bench.training import checkpoint, loop
from fewshot_bench.training.assembly import assemble
from fewshot_bench.training.plan import Plan, parse_plan
from fewshot_bench.training.replica import Interrupted, Moment
from tests.tiny import SMALL, tiny_cell
from tests.training.in_float64 import in_float64

CELLS = [
    tiny_cell(
        {"iterations": 6, "tasks_per_batch": 3, "inner_steps": 1},
        {"tasks": 4},
        learner="maml",
        backbone=SMALL,
        seed=seed,
    )
    for seed in range(3)
]
PACKED = parse_plan("replicas=3,program=eager,tasks_at_once=3,threads=1,workers=1,recompute=false,precision=float32")
PLAN = Plan("cpu", 1, 3, replicas=3)
FILES = (RESULT, "metrics.jsonl", "hyperparameters.parquet", "episodes.parquet")


def ignored(*unused: object) -> None:
    pass


def listener(stop=lambda: False, moment=ignored, ended=ignored) -> Listener:
    return Listener(moment, ended, stop)


def stop_at(iteration: int) -> Listener:
    """Asks to stop from when the first cell is to take the meta-step after `iteration` others."""
    reached: list[int] = []

    def moment(cell: Cell, at: Moment) -> None:
        if at.phase == "training" and at.iteration >= iteration:
            reached.append(at.iteration)

    return listener(lambda: bool(reached), moment)


@pytest.fixture
def run(pattern_pool, tmp_path):
    """run(folder, ...) -> the ids of cells that are not done then."""

    def cells_in(folder, cells=CELLS, told=None, plan=PACKED):
        directory = tmp_path / folder
        folders.enroll(directory, cells)
        return run_cells(cells, directory, {data_of(CELLS[0]): pattern_pool}, "cpu", told or listener(), plan)

    return cells_in


@pytest.fixture(scope="module")
def undisturbed(pattern_pool, tmp_path_factory):
    """Three seeds side by side, as nothing happened."""
    directory = tmp_path_factory.mktemp("packs")
    folders.enroll(directory, CELLS)
    assert run_cells(CELLS, directory, {data_of(CELLS[0]): pattern_pool}, "cpu", listener(), PACKED) == []
    return directory


def contents(directory: Path, cells=CELLS) -> dict[str, bytes]:
    return {
        f"{cell.seed}/{name}": (folders.folder_of(directory, cell) / name).read_bytes()
        for cell in cells
        for name in FILES
    }


def steps(directory: Path, cell: Cell) -> set[int]:
    return checkpoint.numbers(folders.folder_of(directory, cell) / CHECKPOINTS, "step")


def numbers(folder: Path) -> list[float]:
    """All that is measured: losses of meta-steps and validations, accuracies."""
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    result = json.loads((folder / RESULT).read_text())
    values = [line[key] for line in lines for key in ("loss", "accuracy", "val_accuracy", "val_loss") if key in line]
    return [*values, result["test_accuracy"], result["test_ci95"]]


@pytest.mark.parametrize("program", ["eager", "traced"])
def test_side_by_side_each_is_what_it_is_alone(run, tmp_path, program, monkeypatch):
    """In float64: in float32 rounding decides which of two nearly equal pixels a max-pool takes."""
    monkeypatch.setattr(cell_run, "assemble", lambda *what: in_float64(assemble(*what)))
    training, evaluation = replace(CELLS[0].training, iterations=3), Evaluation(tasks=3, ensemble=1)
    cells = [replace(cell, training=training, evaluation=evaluation) for cell in CELLS[:2]]
    found = {}
    for replicas in (1, 2):
        assert run(str(replicas), cells, plan={**PACKED, "program": program, "replicas": replicas}) == []
        places = [folders.folder_of(tmp_path / str(replicas), cell) for cell in cells]
        assert [folders.status(folder)["plan"]["replicas"] for folder in places] == [replicas] * 2
        found[replicas] = [numbers(folder) for folder in places]
    for together, alone in zip(found[2], found[1], strict=True):
        assert together == pytest.approx(alone, rel=1e-9)
    assert found[1][0] != found[1][1]


@pytest.mark.parametrize("at", [0, 1, 4, 5])
def test_interrupted_all_stop_at_one_meta_step_and_end_as_if_they_had_not(undisturbed, run, tmp_path, at):
    with pytest.raises(Interrupted):
        run("interrupted", told=stop_at(at))
    assert {max(steps(tmp_path / "interrupted", cell)) for cell in CELLS} == {at}
    assert run("interrupted") == []
    assert contents(tmp_path / "interrupted") == contents(undisturbed)


@pytest.mark.parametrize(
    ("seed", "phase", "iteration", "stops_at"),
    [
        (0, "validation", 2, 0),
        (0, "validation", 6, 4),
        (1, "validation", 2, 2),
        (1, "validation", 6, 6),
        (1, "test", 6, 6),
    ],
)
def test_stopped_within_an_evaluation_they_end_as_if_they_had_not_been(
    undisturbed, run, tmp_path, seed, phase, iteration, stops_at
):
    """That of the first cell ends there, and all go back to the checkpoint before. That of the second, when the first
    has its own behind it, goes on: all stop before the next meta-step, or the test.
    """
    reached: list[str] = []

    def moment(cell: Cell, at: Moment) -> None:
        if (cell.seed, at.phase, at.iteration) == (seed, phase, iteration):
            reached.append(at.phase)

    with pytest.raises(Interrupted):
        run("interrupted", told=listener(lambda: bool(reached), moment))
    assert {max(steps(tmp_path / "interrupted", cell), default=0) for cell in CELLS} == {stops_at}
    assert run("interrupted") == []
    assert contents(tmp_path / "interrupted") == contents(undisturbed)


def test_asked_to_stop_between_two_cells_all_take_the_meta_step_before(run, tmp_path):
    """The second cell would be told so, the first not."""
    asked = []

    def stop() -> bool:
        asked.append(1)
        return len(asked) > 6

    with pytest.raises(Interrupted):
        run("interrupted", told=listener(stop))
    (at,) = {max(steps(tmp_path / "interrupted", cell)) for cell in CELLS}
    assert 0 < at < 6


@pytest.mark.parametrize("had", [1, 2])
@pytest.mark.parametrize("at", [1, 5])
def test_killed_between_two_checkpoints_all_go_on_from_the_last_that_they_share(undisturbed, run, tmp_path, at, had):
    """Checkpoints are written one cell after another; so many had theirs. After one meta-step it is the first."""
    directory = tmp_path / "killed"
    with pytest.raises(Interrupted):
        run("killed", told=stop_at(at))
    for cell in CELLS[had:]:
        (newest,) = (folders.folder_of(directory, cell) / CHECKPOINTS).glob(f"step-{at:08d}-*")
        newest.unlink()
    assert len({frozenset(steps(directory, cell)) for cell in CELLS}) == 2
    begun: list[int] = []
    told = listener(moment=lambda cell, moment: begun.append(moment.iteration))
    assert run("killed", told=told) == []
    assert begun[0] == {1: 0, 5: 4}[at]
    assert contents(directory) == contents(undisturbed)


def test_what_was_computed_beyond_the_last_that_they_share_is_forgotten(run, tmp_path):
    """Else a cell that goes on by itself, later, would begin with weights that its records do not reach."""
    directory = tmp_path / "killed"
    with pytest.raises(Interrupted):
        run("killed", told=stop_at(5))
    (newest,) = (folders.folder_of(directory, CELLS[1]) / CHECKPOINTS).glob("step-00000005-*")
    newest.unlink()
    with pytest.raises(Interrupted):
        run("killed", told=stop_at(0))
    assert [steps(directory, cell) for cell in CELLS] == [{4}] * 3


def test_the_first_cell_goes_on_by_the_plan_of_the_others(undisturbed, run, tmp_path):
    """It alone was killed before its first checkpoint."""
    with pytest.raises(Interrupted):
        run("killed", told=stop_at(1))
    for path in (folders.folder_of(tmp_path / "killed", CELLS[0]) / CHECKPOINTS).iterdir():
        path.unlink()
    assert run("killed", plan={}) == []
    assert folders.status(folders.folder_of(tmp_path / "killed", CELLS[0]))["plan"] == PLAN._asdict()
    assert contents(tmp_path / "killed") == contents(undisturbed)


def spoiled(monkeypatch, seed: int) -> None:
    """From now on the network of one seed begins with weights that are no numbers."""

    def assembled(*what):
        cell, made = what[0], assemble(*what)
        if cell.seed != seed:
            return made
        weights = {name: value * float("nan") for name, value in made.parts.model.weights.items()}
        return made._replace(parts=made.parts._replace(model=made.parts.model._replace(weights=weights)))

    monkeypatch.setattr(cell_run, "assemble", assembled)


def test_a_cell_that_fails_leaves_the_others_to_themselves(run, tmp_path, monkeypatch):
    directory = tmp_path / "failing"
    spoiled(monkeypatch, seed=1)
    ended = []
    told = listener(ended=lambda cell, status, reason: ended.append((cell.seed, status, reason)))
    assert run("failing", told=told) == [CELLS[1].id]
    assert ended[0][:2] == (1, folders.FAILED) and "at meta-step 1" in ended[0][2]
    assert ended[1:] == [(0, folders.DONE, ""), (2, folders.DONE, "")]
    monkeypatch.undo()
    assert run("failing") == []  # it begins again, by itself
    assert folders.status(folders.folder_of(directory, CELLS[1]))["plan"]["replicas"] == 1


def test_a_cell_that_failed_is_not_tried_again_beside_one_that_comes_later(run, tmp_path, monkeypatch):
    """Another process gives seed 1 back when seeds 0 and 2 have ended."""
    spoiled(monkeypatch, seed=2)
    folders.enroll(tmp_path / "failing", CELLS)
    ended = []

    def told(cell, status, reason):
        ended.append((cell.seed, status))
        others.close()

    with ExitStack() as others:
        others.enter_context(lease(folders.folder_of(tmp_path / "failing", CELLS[1]), print))
        assert run("failing", told=listener(ended=told)) == [CELLS[2].id]
    assert ended == [(2, folders.FAILED), (0, folders.DONE), (1, folders.DONE)]


def test_a_cell_that_failed_long_ago_does_not_hold_up_the_others(run, tmp_path, monkeypatch):
    """At meta-step 1; the others were interrupted at 5 and go on from there, not from the beginning."""
    spoiled(monkeypatch, seed=1)
    with pytest.raises(Interrupted):
        run("failing", told=stop_at(5))
    begun = []
    told = listener(moment=lambda cell, moment: begun.append((cell.seed, moment.iteration)))
    assert run("failing", told=told) == [CELLS[1].id]
    assert [at for seed, at in begun if seed != 1][:2] == [5, 5]


def test_a_fault_of_the_common_program_is_everyones(run, tmp_path, monkeypatch):
    def no_room(assembly):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 3 GiB.")

    monkeypatch.setattr(loop, "gradients", no_room)
    assert run("failing") == [cell.id for cell in CELLS]
    reasons = {folders.status(folders.folder_of(tmp_path / "failing", cell))["reason"] for cell in CELLS}
    assert len(reasons) == 1
    assert "recompute=true" in reasons.pop()


@pytest.mark.parametrize("seed", [0, 1])
def test_a_cell_in_other_hands_is_left_to_them(run, tmp_path, seed):
    directory = tmp_path / "shared"
    folders.enroll(directory, CELLS)
    ended = []
    told = listener(ended=lambda cell, status, reason: ended.append((cell.seed, status)))
    with lease(folders.folder_of(directory, CELLS[seed]), print):
        assert run("shared", told=told) == [CELLS[seed].id]
    assert sorted(ended) == [(cell.seed, folders.RUNNING if cell.seed == seed else folders.DONE) for cell in CELLS]
    others = [cell for cell in CELLS if cell.seed != seed]
    plans = [folders.status(folders.folder_of(directory, cell))["plan"] for cell in others]
    assert plans == [PLAN._replace(replicas=2)._asdict()] * 2


def test_seeds_that_are_done_stay_as_they_are(undisturbed, run, tmp_path):
    shutil.copytree(undisturbed, tmp_path / "extended")
    before = contents(tmp_path / "extended")
    one_more = replace(CELLS[0], seed=3)
    assert run("extended", [*CELLS, one_more]) == []
    assert contents(tmp_path / "extended") == before
    assert folders.status(folders.folder_of(tmp_path / "extended", one_more))["plan"]["replicas"] == 1


def test_other_seeds_differ_in_nothing_but_the_seed(undisturbed, tmp_path):
    other = replace(CELLS[1], shots=5)
    assert inline.other_seeds(CELLS[0], [CELLS[0], CELLS[1], other, CELLS[2]], tmp_path) == [CELLS[1], CELLS[2]]
    assert inline.other_seeds(CELLS[0], CELLS, undisturbed) == []
