"""The commands from words to files at their smallest, all in this process."""

import csv
import json

import pytest

from benchmarks import scaling, throughput
from benchmarks.libraries import ours
from benchmarks.processes import here
from fewshot_bench.training.plan import Plan

TINY = "tests.benchmarks.networks:tiny"


@pytest.fixture(autouse=True)
def eager(monkeypatch):
    """Nothing is traced: that takes seconds."""
    for name in ("speed", "memory"):
        monkeypatch.setattr(ours, name, ours.fastest(lambda setting, threads: [Plan("cpu", 1, 1)]))


def test_throughput_prints_a_table_and_writes_what_it_is_made_of(tmp_path, capsys):
    where = ["--backbones", TINY, "--shapes", "omniglot", "--ways", "5", "--shots", "1", "--rules", "sgd", "adam"]
    what = ["--libraries", "ours", "ours, memory plan", "higher", "autograd loop", "--tasks", "2", "--steps", "2"]
    effort = ["--rounds", "1", "--memory-steps", "1", "--threads", "1", "--json", str(tmp_path / "all.json")]
    throughput.main([*where, *what, *effort], start=here)
    printed = capsys.readouterr().out
    rates, peaks = printed.split("###")[1:]
    assert rates.count("omniglot") == 1 and "ours / best other" in rates  # keys that repeat are left out
    assert "gradient descent" in rates  # why the loop has no Adam
    assert "Peak memory" in peaks
    found = json.loads((tmp_path / "all.json").read_text())
    timed = {(one["mode"]["contender"], one["mode"]["processes"], one["setting"]["rule"]): one for one in found["time"]}
    assert len(timed) == 2 * (2 + 2 * 2)
    for (name, processes, rule), one in timed.items():
        offered = name != "autograd loop" or rule == "sgd"
        assert (len(one["seconds"]), bool(one["tasks_a_second"])) == (int(offered), offered)
        if offered and processes == 1 and rule == "sgd":
            assert one["gradient_error"] < 1e-4
    assert all("mebibytes" in one or "gradient descent" in one["failed"] for one in found["memory"])
    assert found["versions"]["torch"]


def test_scaling_writes_points_and_a_picture(tmp_path):
    axes = ["--steps", "1", "2", "--tasks", "1", "--replicas", "1", "2", "--ways"]
    what = ["--backbone", TINY, "--libraries", "ours", "higher", "--rounds", "1", "--threads", "1"]
    scaling.main(["--out", str(tmp_path), *axes, *what], start=here)
    with (tmp_path / "scaling.csv").open() as file:
        points = list(csv.DictReader(file))
    places = [(point["axis"], point["value"], point["contender"]) for point in points]
    both = [("steps", "1"), ("steps", "2"), ("tasks", "1"), ("replicas", "1")]
    assert places == [(*place, name) for place in both for name in ("ours", "higher")] + [("replicas", "2", "ours")]
    assert all(float(point["seconds"]) > 0 and not point["reason"] for point in points)
    assert (tmp_path / "scaling.png").stat().st_size > 10_000
    assert "command" in json.loads((tmp_path / "scaling.json").read_text())
