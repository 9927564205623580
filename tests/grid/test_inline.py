"""What a cell's folder says while the cell is planned, computed or waited for, and when a stop takes effect."""

import os
import time
from functools import partial

import pytest

from fewshot_bench.basics.lease import LOCK, lease
from fewshot_bench.cells import folders
from fewshot_bench.data.datasets import data_of
from fewshot_bench.grid import cluster, inline
from fewshot_bench.grid.cell_run import Listener
from fewshot_bench.grid.inline import run_cells
from fewshot_bench.training import planning
from fewshot_bench.training.plan import Plan
from fewshot_bench.training.planning import Timing
from fewshot_bench.training.programs.torch_internals import InterpreterGraph
from fewshot_bench.training.replica import Interrupted
from tests.tiny import SMALL, tiny_cell

CELL = tiny_cell({"inner_steps": 1}, {"tasks": 4, "ensemble": 1}, learner="maml", backbone=SMALL)
ELSEWHERE = "filelock/2\npid=4321\nhost=node7\nmode=lease\ntoken=abc\nduration=60.0\n"


@pytest.fixture
def folder(tmp_path):
    folders.enroll(tmp_path, [CELL])
    return folders.folder_of(tmp_path, CELL)


@pytest.fixture
def run(tmp_path, pattern_pool):
    """run(...) -> the ids of cells that are not done then. Arguments: see Listener."""

    def cells(moment=lambda cell, at: None, ended=lambda *unused: None, stop=lambda: False):
        return run_cells([CELL], tmp_path, {data_of(CELL): pattern_pool}, "cpu", Listener(moment, ended, stop))

    return cells


@pytest.fixture
def slow_plans(monkeypatch):
    """Each plan is tried in no time, and would make a cell of any size take hours; returns those that were tried."""
    tried: list[Plan] = []

    def timed(cell, pool, plan, log, network):
        tried.append(plan)
        return Timing(0.0, 1e6)

    monkeypatch.setattr(planning, "timed", timed)
    monkeypatch.setattr(planning, "WORTH_MEASURING", 0)
    return tried


@pytest.mark.parametrize("program", ["eager", "traced"])
def test_whether_torchs_interpreter_was_used_is_recorded(tmp_path, pattern_pool, monkeypatch, program):
    """Without it the cell goes on, to the same bytes of its result."""

    def broken(self, outputs):
        raise RuntimeError("a new torch has another interface")

    listener = Listener(lambda *at: None, lambda *end: None, lambda: False)
    plan = {"program": program, "workers": 1, "tasks_at_once": 2}
    said, results = [], []
    for name in ("used", "broken"):
        if name == "broken":
            monkeypatch.setattr(InterpreterGraph, "function", broken)
        assert run_cells([CELL], tmp_path / name, {data_of(CELL): pattern_pool}, "cpu", listener, plan) == []
        folder = folders.folder_of(tmp_path / name, CELL)
        said.append(folders.status(folder).get("interpreter"))
        results.append((folder / "result.json").read_bytes())
    expected = ["used", "RuntimeError: a new torch has another interface"]
    assert said == (expected if program == "traced" else [None, None])
    assert results[0] == results[1]


def test_the_folder_says_what_is_done_with_the_cell_at_every_moment(folder, run):
    """The second evaluation begins within seconds of the first: that the status is seldom written does not matter."""
    told: list[tuple[str, str]] = []

    def look(*unused):
        said = folders.status(folder)
        told.append((said["status"], said["now"]["phase"]))
        return False

    assert run(moment=look, stop=lambda: look() if folders.status(folder)["status"] != "queued" else False) == []
    phases = [one for one, before in zip(told, [None, *told], strict=False) if one != before]
    assert phases == [
        ("planning", "planning"),
        *(("running", phase) for phase in ["building", *["training", "validation"] * 2, "test"]),
    ]


def test_a_stop_while_planning_takes_effect_between_two_plans(folder, run, slow_plans):
    with pytest.raises(Interrupted):
        run(stop=lambda: len(slow_plans) == 1)
    assert len(slow_plans) == 1
    said = folders.status(folder)
    assert (said["status"], said["reason"]) == ("queued", "interrupted; the same command goes on")
    assert "interrupted while it was planned" in (folder / folders.LOG).read_text()
    assert "plan" not in said
    assert not (folder / LOCK).exists()


def test_a_cell_that_fails_while_it_is_planned_has_failed(folder, run, monkeypatch):
    def fault(*unused):
        raise RuntimeError("no such layer")

    monkeypatch.setattr(planning, "timed", fault)
    monkeypatch.setattr(planning, "WORTH_MEASURING", 0)
    assert run() == [CELL.id]
    assert folders.status(folder)["status"] == "failed"


def test_a_cell_that_another_process_plans_is_planning(folder, run):
    """As other shards and the driver of a Ray cluster see it."""
    (folder / LOCK).write_text(ELSEWHERE)
    folders.mark(folder, folders.PLANNING, now={"phase": "planning"})
    heard = []
    assert run(ended=lambda cell, status, reason: heard.append((status, reason))) == [CELL.id]
    assert heard == [("planning", "another process is running it (process 4321 on node7)")]
    moments, silent = [], lambda *unused: None
    listener = Listener(lambda cell, at: moments.append(at), silent, lambda: False)
    cluster._tell_progress(CELL, folder.parents[1], listener)
    assert [(at.phase, at.iteration) for at in moments] == [("planning", 0)]


def test_a_stop_takes_effect_while_a_process_that_gives_no_sign_is_watched(folder, run, monkeypatch):
    """That takes a minute elsewhere; the moment is told, so that the live table can say so."""
    monkeypatch.setattr(inline, "lease", partial(lease, duration=0.6))
    held = ELSEWHERE.replace("60.0", "0.6")
    (folder / LOCK).write_text(held)
    os.utime(folder / LOCK, (time.time() - 3600,) * 2)
    phases: list[str] = []
    with pytest.raises(Interrupted):
        run(moment=lambda cell, at: phases.append(at.phase), stop=lambda: "waiting" in phases)
    assert phases == ["waiting"]
    assert (folder / LOCK).read_text() == held
    assert folders.status(folder)["status"] == "queued"


def test_what_a_killed_cell_did_beyond_its_checkpoints_is_not_counted(folder, run):
    """Its status is written more often than its checkpoints."""
    folders.mark(folder, folders.RUNNING, iterations=3)
    told = []
    run(moment=lambda cell, at: told.append((at.phase, folders.status(folder)["iterations"])))
    assert told[:2] == [("planning", 0), ("building", 0)]
