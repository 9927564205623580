"""What is left of a grid: at the shipped rates, at the pace of the folder's cells, and where there is neither."""

import json
from dataclasses import replace

import pytest

from fewshot_bench.basics.errors import BenchError
from fewshot_bench.cells import folders
from fewshot_bench.grid import rates
from fewshot_bench.grid.costs import cost, total
from fewshot_bench.grid.estimates import estimated
from fewshot_bench.training.plan import Plan
from fewshot_bench.training.planning import usual_plan
from tests.tiny import tiny_cell

CELL = tiny_cell(
    {"iterations": 1000, "iterations_per_epoch": 250, "inner_steps": 1},
    {"ensemble": 1},
    learner="maml",
    backbone_options=(),
)
OTHER = replace(CELL, backbone="densenet-8")
PLAN = Plan("cpu", 1, 1, "traced", workers=2)


def whole(cell):
    return total([(1, cost(cell).training), (1, cost(cell).evaluation)])


def shipped(cell):
    """Hours of all of it."""
    return rates.seconds(cell, whole(cell)) / 3600


def done(directory, cell, seconds, plan=PLAN):
    folders.enroll(directory, [cell])
    folder = folders.folder_of(directory, cell)
    folders.mark(folder, folders.DONE, iterations=1000, seconds=seconds, plan=plan._asdict())
    (folder / "result.json").write_text(json.dumps({"cell": cell.id}))


def under_way(directory, cell, iterations, seconds, plan=PLAN, status=folders.RUNNING):
    folders.enroll(directory, [cell])
    facts = {"iterations": iterations, "seconds": seconds, "plan": plan._asdict()}
    folders.mark(folders.folder_of(directory, cell), status, **facts)


def test_a_new_grid_goes_by_the_shipped_rates(tmp_path):
    found = estimated([CELL, OTHER], tmp_path / "none", "cpu")
    assert [one.state for one in found.cells] == ["new", "new"]
    assert [one.hours for one in found.cells] == pytest.approx([shipped(CELL), shipped(OTHER)])
    assert "two cores of an AMD EPYC" in found.remarks[0]
    assert not (tmp_path / "none").exists()


def test_a_done_cell_sets_the_pace(tmp_path):
    done(tmp_path, CELL, 3 * 3600 * shipped(CELL))
    found = estimated([CELL, replace(CELL, seed=1), OTHER], tmp_path, "cpu")
    assert [one.state for one in found.cells] == ["done", "new", "new"]
    assert [one.hours for one in found.cells] == pytest.approx([0, 3 * shipped(CELL), 3 * shipped(OTHER)])
    assert found.remarks[0].startswith("Hours are at the pace of 1 cell in this folder: 3 times those of two cores")


def test_a_cell_like_it_counts_before_others(tmp_path):
    done(tmp_path, CELL, 3 * 3600 * shipped(CELL))
    done(tmp_path, OTHER, 5 * 3600 * shipped(OTHER))
    new = replace(CELL, seed=1), replace(OTHER, seed=1), replace(CELL, backbone="resnet-4")
    like_vgg, like_densenet, like_none = (one.hours for one in estimated(new, tmp_path, "cpu", [CELL, OTHER]).cells)
    assert like_vgg == pytest.approx(3 * shipped(CELL))
    assert like_densenet == pytest.approx(5 * shipped(OTHER))
    assert 3 < like_none / shipped(new[2]) < 5
    alone = estimated(new, tmp_path, "cpu").cells
    assert alone[0].hours == pytest.approx(shipped(CELL))  # cells that nobody named are not looked for


@pytest.mark.parametrize("status", [folders.RUNNING, folders.FAILED, folders.QUEUED])
def test_a_cell_under_way_sets_the_pace_and_has_less_left(tmp_path, status):
    """A quarter of training and of four validations, of five evaluations in all."""
    spent = total([(0.25, cost(CELL).training), (0.25 * 4 / 5, cost(CELL).evaluation)])
    under_way(tmp_path, CELL, 250, 2 * rates.seconds(CELL, spent), status=status)
    (found,) = estimated([CELL], tmp_path, "cpu").cells
    left = rates.seconds(CELL, whole(CELL)) - rates.seconds(CELL, spent)
    assert (found.state, found.iterations) == (status, 250)
    assert found.hours == pytest.approx(2 * left / 3600)


def test_cells_side_by_side_share_their_time(tmp_path):
    done(tmp_path, CELL, 3 * 3 * 3600 * shipped(CELL), PLAN._replace(replicas=3))
    (found,) = estimated([replace(CELL, seed=1)], tmp_path, "cpu", [CELL]).cells
    assert found.hours == pytest.approx(3 * shipped(CELL))


def test_a_plan_of_an_older_version_counts_too(tmp_path):
    done(tmp_path, CELL, 3 * 3600 * shipped(CELL))
    folder = folders.folder_of(tmp_path, CELL)
    folders.mark(folder, folders.DONE, plan={"device": "cpu", "threads": 1, "tasks_at_once": 8})
    (found,) = estimated([replace(CELL, seed=1)], tmp_path, "cpu", [CELL]).cells
    assert found.hours == pytest.approx(3 * shipped(CELL))


def test_memory_is_that_of_the_recorded_plan(tmp_path):
    under_way(tmp_path, CELL, 10, 1.0, Plan("cpu", 1, 4, "eager"))
    (found,) = estimated([CELL], tmp_path, "cpu").cells
    assert found.mebibytes == rates.mebibytes(CELL, Plan("cpu", 1, 4, "eager"))


def test_memory_of_a_new_cell_is_that_of_the_plan_that_it_will_have(tmp_path):
    """Below so many tasks nothing is traced, and a cell that is not trained keeps no step of its inner loop."""
    long = replace(CELL, training=replace(CELL.training, inner_steps=5))
    short, untrained = (replace(long, training=replace(long.training, iterations=count)) for count in (99, 0))
    traced, eager, tested = (one.mebibytes for one in estimated([long, short, untrained], tmp_path, "cpu").cells)
    assert (traced, eager) == tuple(rates.mebibytes(one, usual_plan(one, "cpu")) for one in (long, short))
    assert usual_plan(short, "cpu").program == "eager"
    assert traced == rates.mebibytes(short, usual_plan(long, "cpu"))
    assert tested < 0.3 * eager


def test_a_gpu_has_no_rate_until_a_cell_is_under_way(tmp_path):
    done(tmp_path, OTHER, 100.0)  # on a CPU, which says nothing
    found = estimated([CELL, OTHER], tmp_path, "cuda")
    assert [one.hours for one in found.cells] == [None, 0]
    assert found.remarks[0].startswith("No rate was measured on this device (cuda)")
    assert found.cells[0].mebibytes is None
    done(tmp_path, CELL, 7.0, Plan("cuda:1", 1, 2, "graph"))
    found = estimated([replace(CELL, seed=1), replace(CELL, ways=4)], tmp_path, "cuda:0", [CELL])
    assert found.cells[0].hours == pytest.approx(7 / 3600)
    assert found.cells[1].hours == pytest.approx(7 / 3600 * whole(replace(CELL, ways=4)).flop / whole(CELL).flop)
    assert "TFLOP/s" in found.remarks[0]


@pytest.mark.parametrize("damage", ["", "{", '{"status": "running", "seconds": "x", "iterations": 10000, "plan": 3}'])
def test_a_damaged_status_counts_for_nothing(tmp_path, damage):
    under_way(tmp_path, CELL, 250, 100.0)
    (folders.folder_of(tmp_path, CELL) / "status.json").write_text(damage)
    (found,) = estimated([CELL], tmp_path, "cpu").cells
    assert found.hours == pytest.approx(shipped(CELL))


def test_what_is_no_device_is_told(tmp_path):
    with pytest.raises(BenchError, match="no device is called 'tpu9'"):
        estimated([CELL], tmp_path, "tpu9")
    assert estimated([CELL], tmp_path, "auto").cells
