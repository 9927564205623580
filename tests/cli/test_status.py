"""What a folder tells of its cells while they run, when they failed, and when whoever ran them is gone."""

import json
import os
import time

import pytest

from fewshot_bench.basics.lease import LOCK, lease
from fewshot_bench.cli.main import main
from tests.report.factory import write_cell


def said(capsys, *words) -> str:
    capsys.readouterr()
    status = main(["status", *map(str, words)])
    told = " ".join(capsys.readouterr().out.split())
    return f"{status} {told}"


def mark(folder, **facts):
    path = folder / "status.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | facts))


def test_a_finished_folder_is_a_sentence(tmp_path, capsys):
    write_cell(tmp_path)
    assert said(capsys, tmp_path) == "0 1 cell: 1 done; 12 s of computing so far."
    assert "300/300" in said(capsys, tmp_path, "--all")


def test_a_running_cell_says_how_far_it_is_and_who_has_it(tmp_path, capsys):
    folder = write_cell(tmp_path, None, status="running", name="one")
    write_cell(tmp_path, None, status="queued", seed=1, name="two")
    now = {"phase": "training", "loss": 0.51234, "accuracy": 0.875}
    mark(folder, iterations=100, seconds=50.0, now=now)
    with lease(folder, print):
        told = said(capsys, tmp_path)
    assert "2 cells: 1 running, 1 queued; 1 min of computing so far." in told
    assert f"running, training 100/300 0.512 87.5 1 min process {os.getpid()} on" in told


@pytest.mark.parametrize("left", ["nothing", "a stale lease"])
def test_a_cell_whose_process_is_gone_is_called_stopped(tmp_path, capsys, left):
    folder = write_cell(tmp_path, None, status="running", name="one")
    if left == "a stale lease":
        (folder / LOCK).write_text("filelock/2\npid=4321\nhost=node7\nmode=lease\ntoken=abc\nduration=60.0\n")
        (folder / LOCK).chmod(0o444)
        os.utime(folder / LOCK, (time.time() - 300,) * 2)
    told = said(capsys, tmp_path)
    assert "1 cell: 1 stopped" in told
    assert "is gone; the same command goes on" in told
    assert ("process 4321 on node7" in told) == (left == "a stale lease")


def test_a_failed_cell_says_why_and_is_a_fault(tmp_path, capsys):
    write_cell(tmp_path, None, status="failed", name="one", reason="the loss is nan at meta-step 7.")
    told = said(capsys, tmp_path)
    assert told.startswith("1 1 cell: 1 failed")
    assert "the loss is nan at meta-step 7." in told


def test_a_folder_without_cells_is_a_sentence(tmp_path, capsys):
    assert main(["status", str(tmp_path / "nowhere")]) == 2
    assert "there is no folder" in capsys.readouterr().err


def test_watching_needs_a_terminal(tmp_path, capsys):
    write_cell(tmp_path)
    assert main(["status", str(tmp_path), "--watch"]) == 2
    assert "--watch is for a terminal" in capsys.readouterr().err
