"""What a folder tells of its cells while they run, when they failed, and when whoever ran them is gone."""

import json
import os
import re
import sys
import time

import pytest

from fewshot_bench.basics.lease import LOCK, lease
from fewshot_bench.cli import status
from fewshot_bench.cli.main import main
from tests.report.factory import write_cell


def said(capsys, *words) -> str:
    capsys.readouterr()
    exit_status = main(["status", *map(str, words)])
    told = " ".join(capsys.readouterr().out.split())
    return f"{exit_status} {told}"


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
    assert f"running, training 100/300 0.512 87.5 % 1 min process {os.getpid()} on" in told


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


def test_a_cell_that_is_planned_says_so_and_who_has_it(tmp_path, capsys):
    folder = write_cell(tmp_path, None, status="planning", name="one")
    write_cell(tmp_path, None, status="queued", seed=1, name="two")
    mark(folder, iterations=0, now={"phase": "planning"})
    with lease(folder, print):
        told = said(capsys, tmp_path)
    assert "2 cells: 1 planning, 1 queued" in told
    assert f"planning 0/300 process {os.getpid()} on" in told
    assert "1 stopped" in said(capsys, tmp_path)  # its process was killed


@pytest.fixture
def watched(monkeypatch, tmp_path, capsys):
    """watched(looks) -> what `--watch` shows at each look, and its exit status. looks: what happens before each but
    the first, the seconds between two looks being over.
    """
    clock = [0.0]

    def watch(looks):
        left = iter(looks)

        def sleep(seconds):
            clock[0] += seconds
            next(left)()

        monkeypatch.setattr(status.time, "sleep", sleep)
        monkeypatch.setattr(status.time, "monotonic", lambda: clock[0])
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
        exit_status = main(["status", str(tmp_path), "--watch"])
        screens = capsys.readouterr().out.split("\x1b[H\x1b[2J")[1:]
        return exit_status, [re.search(r"cells?: ([^;]*);", one)[1] for one in screens]

    return watch


def test_watching_goes_on_while_a_cell_is_planned(tmp_path, watched):
    folder = write_cell(tmp_path, None, status="planning")
    with lease(folder, print):
        looks = [lambda: None, lambda: mark(folder, status="running"), lambda: mark(folder, status="failed")]
        assert watched(looks) == (1, ["1 planning", "1 planning", "1 running", "1 failed"])


def test_watching_goes_on_between_two_cells(tmp_path, watched):
    """One has just ended, and the other is not begun yet."""
    write_cell(tmp_path)
    folder = write_cell(tmp_path, None, status="queued", seed=1)
    with lease(folder, print):
        looks = [lambda: mark(folder, status="running"), lambda: mark(folder, status="skipped")]
        assert watched(looks)[1] == ["1 done, 1 queued", "1 done, 1 running", "1 done, 1 skipped"]


def test_watching_ends_when_no_cell_was_run_for_a_minute(tmp_path, watched):
    write_cell(tmp_path, None, status="queued")
    _, screens = watched([lambda: None] * 100)
    assert len(screens) == status.SECONDS_OF_PATIENCE / status.SECONDS_BETWEEN_LOOKS + 2


def test_ctrl_c_ends_watching(tmp_path, watched, capsys):
    write_cell(tmp_path, None, status="queued")

    def ctrl_c():
        raise KeyboardInterrupt

    assert watched([ctrl_c]) == (0, ["1 queued"])
    assert "interrupted" not in capsys.readouterr().err


def test_a_failed_cell_says_why_and_is_a_fault(tmp_path, capsys):
    write_cell(tmp_path, None, status="failed", name="one", reason="the loss is nan at meta-step 7.")
    told = said(capsys, tmp_path)
    assert told.startswith("1 1 cell: 1 failed")
    assert "the loss is nan at meta-step 7." in told


def test_it_says_why_torchs_interpreter_was_not_used(tmp_path, capsys):
    one, two = write_cell(tmp_path, name="one"), write_cell(tmp_path, seed=1, name="two")
    mark(one, interpreter="used")
    mark(two, interpreter="RuntimeError: no such operator")
    told = said(capsys, tmp_path)
    assert "Torch's interpreter could not carry out the programs of 1 of them (--all)." in told
    told = said(capsys, tmp_path, "--all")
    assert told.count("was not used") == 1
    assert "RuntimeError: no such operator" in told


def test_a_folder_without_cells_is_a_sentence(tmp_path, capsys):
    assert main(["status", str(tmp_path / "nowhere")]) == 2
    assert "there is no folder" in capsys.readouterr().err


def test_watching_needs_a_terminal(tmp_path, capsys):
    write_cell(tmp_path)
    assert main(["status", str(tmp_path), "--watch"]) == 2
    assert "--watch is for a terminal" in capsys.readouterr().err
