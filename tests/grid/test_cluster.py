"""What a process of the cluster engine does with a cell that another process has. The engine itself: tests/cluster."""

import time
from types import SimpleNamespace

import pytest

from fewshot_bench.basics.lease import LOCK
from fewshot_bench.cells import folders
from fewshot_bench.grid import cluster
from fewshot_bench.grid.cell_run import Listener
from tests.tiny import SMALL, tiny_cell

CELL = tiny_cell({"iterations": 2, "inner_steps": 1}, {"tasks": 4, "ensemble": 1}, learner="maml", backbone=SMALL)
ELSEWHERE = "filelock/2\npid=4321\nhost=node7\nmode=lease\ntoken=abc\nduration=60.0\n"


@pytest.fixture
def folder(tmp_path):
    folders.enroll(tmp_path, [CELL])
    return folders.folder_of(tmp_path, CELL)


@pytest.fixture
def told(tmp_path, pattern_data):
    return cluster.Assignment(CELL, tmp_path, pattern_data, "cpu", {}, tmp_path / ".stop")


def held_elsewhere(folder):
    (folder / LOCK).write_text(ELSEWHERE)
    (folder / LOCK).chmod(0o444)


def test_it_waits_for_whoever_has_the_cell_though_that_has_not_begun(folder, told, monkeypatch):
    """A node that died while it planned: the cell is still queued."""
    held_elsewhere(folder)
    waited = []

    def sleep(seconds):
        assert not folders.is_done(folder)
        waited.append(seconds)
        if len(waited) == 3:
            (folder / LOCK).unlink()

    runs, run = [], cluster.run
    monkeypatch.setattr(cluster, "run", lambda *cells, **options: runs.append(1) or run(*cells, **options))
    monkeypatch.setattr(cluster, "time", SimpleNamespace(monotonic=time.monotonic, sleep=sleep))
    cluster.work(told)
    assert folders.is_done(folder)
    assert waited == [cluster.SECONDS_BETWEEN_LOOKS] * 3
    assert len(runs) == 2  # each makes all checks: not while it waits


def test_it_stops_where_it_is_asked_to(folder, told):
    told.stop.touch()
    cluster.work(told)
    assert not folders.is_done(folder)


@pytest.mark.parametrize(
    ("state", "fault", "says"),
    [
        ("done", RuntimeError("its node was lost"), "done"),
        ("held", RuntimeError("its node was lost"), "running"),
        ("free", RuntimeError("its node was lost"), "failed"),
        ("free", None, "queued"),
    ],
)
def test_what_became_of_a_cell_is_what_its_folder_says(folder, told, tmp_path, state, fault, says):
    if state == "done":
        cluster.work(told)
    if state == "held":
        held_elsewhere(folder)
    heard = []
    listener = Listener(lambda *unused: None, lambda cell, status, reason: heard.append(status), lambda: False)
    cluster._tell_end(CELL, tmp_path, fault, listener)
    assert heard == [says]
    assert folders.status(folder)["status"] == ("queued" if state == "held" else says)
