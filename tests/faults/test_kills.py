"""Killed at random moments, as often as you like: the same command ends in the same bytes."""

import os
import shutil
import signal
from random import Random

import pytest

from fewshot_bench.basics.lease import LOCK
from fewshot_bench.cli.main import main
from tests.faults.runs import believed, grid_of, killed, left


@pytest.fixture(scope="module")
def undisturbed(made, pattern_data, tmp_path_factory):
    """A grid's command, its results, and the seconds it takes."""
    folder = tmp_path_factory.mktemp("undisturbed")
    grid = folder / "grid.toml"
    grid.write_text(grid_of("maml++", "reptile"))
    words = ["run", grid, "--data-dir", pattern_data]
    ended = made.run([*words, "--out", folder / "out"])
    assert ended.status == 0, ended.output
    assert len(believed(folder / "out")) == 2
    assert not (folder / "out" / "figures").exists()  # tests/faults/runs.py leaves them out
    return words, left(folder / "out"), ended.seconds


def survive(made, undisturbed, folder, kills, seed):
    """Kills until so many have hit; every run that comes to its end is compared, and a new one begun."""
    words, expected, seconds = undisturbed
    moments, draw = [], Random(seed)
    while len(moments) < kills:
        out = folder / str(len(moments))
        moments += killed(made, words, out, kills - len(moments), seconds, draw)
        last = made.run([*words, "--out", out])
        assert last.status == 0, last.output
        assert left(out) == expected
        assert not list(out.glob("cells/*/*.part"))
        shutil.rmtree(out)  # its name may come again
    return moments


def test_ten_kills_at_random_moments(made, undisturbed, tmp_path):
    """And ten more where these hit too few different moments, which is chance."""
    moments = survive(made, undisturbed, tmp_path, kills=10, seed=7)
    for seed in range(8, 12):
        if len(set(moments)) <= 3:
            moments += survive(made, undisturbed, tmp_path, kills=10, seed=seed)
    assert len(set(moments)) > 3  # they hit different moments


PLANNING = """
import os, signal
from fewshot_bench.training import planning
planning.WORTH_MEASURING = 0
def timed(*unused):
    print("a plan is tried", flush=True)
    os.kill(os.getpid(), signal.{signal})
    return planning.Timing(0.0, 1e6)  # so others would be tried too
planning.timed = timed
"""


@pytest.mark.parametrize(("signal_name", "status"), [("SIGKILL", -signal.SIGKILL), ("SIGINT", 130)])
def test_ended_while_it_plans_it_goes_on_by_the_same_command(made, undisturbed, tmp_path, capsys, signal_name, status):
    words, expected, _ = undisturbed
    out = tmp_path / "out"
    ended = made.run([*words, "--out", out], before=PLANNING.format(signal=signal_name))
    assert ended.status == status
    assert ended.output.count("a plan is tried") == 1
    assert ("stopping after the plan that is being tried; Ctrl-C again" in ended.output) == (signal_name == "SIGINT")
    assert "Traceback" not in ended.output
    for held in out.glob(f"cells/*/{LOCK}"):
        os.utime(held, (0, 0))  # a minute later
    assert main(["status", str(out)]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "2 cells: 1 queued, 1 stopped" in told if signal_name == "SIGKILL" else "2 cells: 2 queued" in told
    last = made.run([*words, "--out", out])
    assert last.status == 0, last.output
    assert left(out) == expected


@pytest.mark.long
def test_seeds_side_by_side_in_several_processes_killed_too(made, pattern_data, tmp_path):
    """As a GPU's plan has them, and a longer cell's on a CPU: packed, traced, with a forked process beside."""
    grid = tmp_path / "grid.toml"
    grid.write_text(grid_of("maml++", seeds=(0, 1)))
    plan = "program=traced,workers=2,replicas=2,tasks_at_once=1,threads=1"
    words = ["run", grid, "--data-dir", pattern_data, "--plan", plan]
    ended = made.run([*words, "--out", tmp_path / "whole"])
    assert ended.status == 0, ended.output
    assert len(believed(tmp_path / "whole")) == 2
    survive(made, (words, left(tmp_path / "whole"), ended.seconds), tmp_path, kills=3, seed=3)


@pytest.mark.long
def test_fifty_kills_at_random_moments(made, undisturbed, tmp_path):
    """What it prints is committed: results/reference/kills.txt."""
    moments = survive(made, undisturbed, tmp_path, kills=50, seed=1)
    print(f"\n{len(moments)} kills, each run then finished by the same command: all files of all cells the same bytes")
    for number, moment in enumerate(moments, start=1):
        print(f"{number:3}  {moment}")
    assert len(set(moments)) > 3
