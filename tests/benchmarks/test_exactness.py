"""The gate lets through what is exact, and nothing else."""

import pytest
import torch

from benchmarks import exactness
from benchmarks.exactness import Way, error, main, of_loop, ways
from benchmarks.settings import Setting
from fewshot_bench.backbones.functional import FUSED
from fewshot_bench.training.plan import Plan

TINY = "tests.benchmarks.networks:tiny"
SETTING = Setting(TINY, "omniglot", 5, 1, "adam", steps=1, tasks=2)
WORDS = ["--backbones", TINY, "--rules", "adam", "--tasks", "2", "--steps", "1"]


def test_every_way_is_exact(capsys):
    assert main(WORDS) == 0
    header, _, row, _, verdict = capsys.readouterr().out.splitlines()
    names = [way.name for way in ways("cpu", 2)]
    assert header.split(" | ")[2:] == [*names[:-1], f"{names[-1]} |"]
    found = [float(field) for field in row.strip("| ").split(" | ")[2:]]
    assert len(found) == len(names)
    assert max(found[:-1]) < 1e-12 < found[-1] < 1e-3
    assert "as exact as rounding is" in verdict


def test_on_a_gpu_there_are_graphs_and_fewer_digits_too():
    """Named without one."""
    here, there = ({way.name: way for way in ways(device, 4)} for device in ("cpu", "cuda"))
    assert set(here) < set(there)
    assert {way.plan.program for name, way in there.items() if name not in here} == {"graph"}
    assert {way.plan.precision for way in there.values() if way.dtype == "float32"} == {"float32", "tf32", "bfloat16"}
    assert all(way.plan.device == "cuda" for way in there.values())


def test_a_way_that_is_a_little_off_is_seen(monkeypatch, capsys):
    """By one part in a million, in the last layer."""

    def off(x, weight, bias):
        return (1 + 1e-6) * x @ weight.T + bias

    table = FUSED | {torch.nn.functional.linear: off}
    monkeypatch.setattr(exactness, "ways", lambda device, tasks: [Way("off", Plan("cpu", 1, 1), table)])
    assert main(WORDS) == 1
    assert "NOT exact" in capsys.readouterr().out


def test_a_way_that_fails_says_why_and_is_not_exact(monkeypatch, capsys):
    monkeypatch.setattr(exactness, "ways", lambda device, tasks: [Way("graph", Plan("tpu9", 1, 1))])
    assert main(WORDS) == 1
    told = capsys.readouterr()
    assert "| nan |" in told.out
    assert f"{TINY} adam, graph: RuntimeError: " in told.err


def test_each_replica_is_compared_with_its_own_loop():
    expected = of_loop(SETTING, 1e-3)
    way = Way("", Plan("cpu", 1, 2, replicas=2))
    assert error(SETTING, 1e-3, way, expected) < 1e-12
    assert error(SETTING, 1e-3, way, expected[::-1]) > 0.1


@pytest.mark.parametrize("scale", [1.0, 1e-6])
def test_errors_are_relative_to_the_whole_gradient_of_the_worst_task(scale, monkeypatch):
    gradient = {"a": scale * torch.tensor([[3.0, 0.0], [3.0, 0.0]]), "b": scale * torch.tensor([[4.0], [4.0]])}
    found = {"a": scale * torch.tensor([[3.0, 0.1], [3.0, 0.5]]), "b": gradient["b"]}
    monkeypatch.setattr(exactness, "_found", lambda way, works: [found])
    assert error(SETTING, 1e-3, Way("", Plan("cpu", 1, 1)), [gradient]) == pytest.approx(0.1)
