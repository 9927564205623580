"""What Table 2 costs: arithmetic by hand, hours by hand, and a run that goes on with what it does not have."""

import json
from dataclasses import replace

import pytest
from torch import nn

from benchmarks import table2
from benchmarks.cell_seconds import Seconds, made_up, peak, seconds
from benchmarks.flops import counted, of_task
from benchmarks.table2 import cells, hours, longer, main
from tests.tiny import tiny_cell

TINY = "tests.benchmarks.networks:tiny"
CELL = tiny_cell(
    {"iterations": 400, "iterations_per_epoch": 100, "queries": 3, "inner_steps": 4},
    {"tasks": 600, "ensemble": 5},
    ways=5,
    shots=2,
    backbone=TINY,
    inner_optimizer="adam",
)
TIMES = Seconds("by hand", replicas=3, first=36.0, step=0.9, first_task=3.6, task=0.012)


def linear(image, ways):
    return nn.Sequential(nn.Flatten(), nn.Linear(image.height * image.width, ways))


def test_arithmetic_of_a_linear_network_is_what_it_is_by_hand():
    """Forward and back to the weights, for support and query; and what went back in the inner step is pulled back once
    more, along the logits' gradients and along the weights.
    """
    cell = replace(CELL, backbone=f"{__name__}:linear")
    support, query = (2 * images * 28 * 28 * 5 for images in (5 * 2, 5 * 3))
    assert counted(cell, 1, 0) == 4 * support + 2 * query
    assert counted(cell, 3, 0) == 3 * 4 * support + 2 * query
    assert counted(cell, 3, 1) == 3 * (4 * support + 2 * query)


@pytest.mark.parametrize("rule", ["sgd", "adam"])
def test_what_is_extrapolated_is_what_is_counted(rule):
    found, cell = of_task(CELL), replace(CELL, inner_optimizer=rule)
    assert found == (counted(cell, 4, 0), counted(cell, 4, 1))


def test_the_table_has_sixty_cells():
    found = cells()
    assert len(found) == 60
    assert found["mini-imagenet-5w5s-resnet-12-adam"].shots == 5
    assert {cell.training.iterations for cell in found.values()} == {75_000}


def test_arithmetic_of_the_first_cell():
    """64 filters of 9 weights a channel, on 28, 14, 7 and 3 pixels squared, for 5 images of support and of query each.

    A pass through a layer is one convolution, and two more are what it is pulled back to along images and weights. In
    an inner step each of these three is then pulled back along two tensors: nine in all. The first layer's images have
    no gradient, so it is a little less.
    """
    forward = 2 * 5 * 9 * 64 * (28**2 + 64 * (14**2 + 7**2 + 3**2)) + 2 * 5 * 64 * 5
    cell = cells()["omniglot-5w1s-vgg-sgd"]
    assert 0.95 < of_task(cell).last / ((5 * 9 + 3) * forward) < 1


def test_hours_by_hand(monkeypatch):
    monkeypatch.setattr(table2, "of_task", lambda cell: (_ for _ in ()).throw(AssertionError))
    monkeypatch.setattr(table2, "longer", lambda cell: 1.5)
    training, evaluation = hours(CELL, TIMES)
    assert training == pytest.approx((400 * 0.9 * 1.5 + 4 * 36) / 3600)  # 4 epochs, each of its own kind
    assert evaluation == pytest.approx(3 * ((4 + 5) * 600 * 0.012 + 4 * 3.6) / 3600)
    alone = hours(CELL, TIMES._replace(replicas=1))[0]
    assert alone == pytest.approx(3 * training)


def test_first_epochs_take_longer():
    found = of_task(CELL)
    assert longer(CELL) == pytest.approx(found.every / found.last)  # all 4 of them are among the first 10
    many = replace(CELL, training=replace(CELL.training, iterations=4000))
    assert longer(many) - 1 == pytest.approx((found.every / found.last - 1) / 4)


@pytest.fixture
def tiny(monkeypatch):
    """Two cells, and no time."""
    monkeypatch.setattr(table2, "cells", lambda: {"one-sgd": replace(CELL, inner_optimizer="sgd"), "one-adam": CELL})
    monkeypatch.setattr(table2, "peak", lambda device, tf32: 1e12)


def test_arithmetic_alone_needs_no_measurement(tiny, capsys, monkeypatch):
    monkeypatch.setattr(table2, "seconds", None)
    main(["--flop-only", "--cells", "*-sgd"])
    shown = capsys.readouterr().out
    assert "one-sgd" in shown and "one-adam" not in shown
    assert f"{3 * 400 * 2 * of_task(CELL).every:.3e}" in shown


def test_what_is_measured_is_kept_and_not_measured_again(tiny, capsys, monkeypatch, tmp_path):
    asked = []

    def seconds(cell, pool, device, given, seeds, steps):
        asked.append((cell.inner_optimizer, given, seeds, steps, dict(cell.learner_options)))
        if cell.inner_optimizer == "adam" and len(asked) == 2:
            raise RuntimeError("no room")
        return TIMES

    monkeypatch.setattr(table2, "seconds", seconds)
    words = ["--device", "cpu", "--json", str(tmp_path / "all.json"), "--replicas", "3", "--plan", "program=graph"]
    main(words)
    first = capsys.readouterr()
    assert "one-adam float32: RuntimeError: no room" in first.err
    assert "| one-adam |" in first.out and "1.00 TFLOP/s" in first.out
    main(words)
    assert [one[0] for one in asked] == ["sgd", "adam", "adam"]
    assert asked[0][1:] == ({"program": "graph", "precision": "float32"}, 3, 20, {"msl_epochs": 0})
    assert set(json.loads((tmp_path / "all.json").read_text())) == {"one-sgd", "one-adam"}
    assert "0.3000" in capsys.readouterr().out  # of one of three seeds


def test_an_unknown_cell_is_told():
    with pytest.raises(SystemExit, match=r"No cell is called vgg\. One is omniglot-"):
        main(["--flop-only", "--cells", "vgg"])


def test_a_cell_is_really_timed(tmp_path):
    pool = made_up("omniglot", "gimli", tmp_path)
    given = {"program": "eager", "tasks_at_once": 2, "workers": 1, "threads": 1}
    cell = replace(CELL, training=replace(CELL.training, inner_steps=1), learner_options=(("msl_epochs", 0),))
    found = seconds(cell, pool, "cpu", {**given, "replicas": 2}, 2, 2)
    assert found.replicas == 2 and "eager" in found.plan
    assert min(found.first, found.step, found.first_task, found.task) > 0
    assert peak("cpu", tf32=False) > 1e8
