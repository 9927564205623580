"""Which plan is found: by times that are made up, for cells and devices that nothing is computed for."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from fewshot_bench.basics.errors import BenchError
from fewshot_bench.basics.memory import NoRoomError
from fewshot_bench.cells.cell import Training
from fewshot_bench.training import planning
from fewshot_bench.training.assembly import count_weights
from fewshot_bench.training.gradients import gradients
from fewshot_bench.training.plan import Plan, parse_plan
from fewshot_bench.training.planning import Timing, find_plan
from fewshot_bench.training.programs import traced
from fewshot_bench.training.programs.base import cached_by_shape
from fewshot_bench.training.replica import Interrupted
from tests.tiny import tiny_cell

CELL = tiny_cell({"iterations": 10_000, "tasks_per_batch": 8, "inner_steps": 5}, ways=5, backbone_options=())
MINI = replace(CELL, dataset="mini-imagenet", split="ravi")
EAGER = Plan("cpu", 2, 8)
ONE, FOUR = (Plan("cpu", 1, many, "traced", 2) for many in (1, 4))
ON_GPU = [Plan("cuda", 2, 8), Plan("cuda", 2, 8, "graph", replicas=3)]


@pytest.fixture(autouse=True)
def two_cores(one_thread):
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(1)


@pytest.fixture
def find(monkeypatch):
    """find(times, ...) -> the plan found, the plans that were timed, what was logged. times: plan -> Timing, or what is
    raised. plans: how many are timed before it is asked to stop.
    """

    def found(times, cell=CELL, seeds=1, device="cpu", said="", plans=100):
        asked, logged = [], []

        def timed(cell, pool, plan, log, network=None):
            asked.append(plan)
            answer = times(plan)
            if isinstance(answer, Exception):
                raise answer
            return answer

        monkeypatch.setattr(planning, "timed", timed)
        planned = find_plan(cell, seeds, None, device, parse_plan(said), logged.append, lambda: len(asked) >= plans)
        return planned, asked, logged

    return found


def by_each(**seconds):
    """Seconds a task by program, nothing at first."""
    return lambda plan: Timing(0.0, seconds[plan.program])


@pytest.mark.parametrize("best", [EAGER, ONE, FOUR])
def test_the_fastest_is_taken(find, best):
    plan, asked, _ = find(lambda plan: Timing(0.0, 0.01 if plan == best else 0.02))
    assert plan == best
    assert asked == [EAGER, ONE, FOUR]


def test_seconds_at_first_count(find):
    """80,000 tasks: a hundredth of a millisecond each is 0.8 s, less than what it takes to write down."""
    assert find(lambda plan: Timing(0, 1e-2) if plan == EAGER else Timing(0.9, 1e-2 - 1e-5))[0] == EAGER
    assert find(lambda plan: Timing(0, 1e-2) if plan == EAGER else Timing(0.7, 1e-2 - 1e-5))[0] == ONE


@pytest.mark.parametrize(
    ("iterations", "tasks", "plans"), [(24, 8, 0), (25, 8, 3), (0, 8, 0), (199, 1, 0), (200, 1, 2)]
)
def test_a_short_cell_is_not_measured(find, iterations, tasks, plans):
    cell = replace(CELL, training=Training(iterations=iterations, tasks_per_batch=tasks))
    plan, asked, _ = find(by_each(eager=1.0, traced=2.0), cell)
    assert plan == EAGER._replace(tasks_at_once=tasks)
    assert len(asked) == plans


def test_what_takes_seconds_is_not_written_down(find):
    assert find(by_each(eager=29 / 80_000, traced=0.0))[:2] == (EAGER, [EAGER])
    assert find(by_each(eager=31 / 80_000, traced=0.0))[0] == ONE


def test_a_trial_costs_little_of_the_cells_time(find):
    """Written down, a task takes 6 s here; four at once would take 24, more than 5 % of what is left to win."""

    def times(plan):
        return Timing(6.0 * plan.tasks_at_once, 1.0 if plan == EAGER else 450 / 80_000)

    assert find(times)[:2] == (ONE, [EAGER, ONE])


def test_without_room_inner_steps_are_recomputed(find):
    def times(plan):
        return Timing(0, 0.02) if plan == EAGER else Timing(0, 0.01) if plan.recompute else NoRoomError("9 GiB, 1 free")

    plan, asked, logged = find(times)
    assert plan == ONE._replace(recompute=True)
    assert asked == [EAGER, ONE, plan, FOUR, FOUR._replace(recompute=True)]
    assert logged[0] == f"plan: no room: 9 GiB, 1 free: {ONE}"
    assert len(logged) == 2


@pytest.mark.parametrize("error", [NoRoomError(""), MemoryError(), torch.OutOfMemoryError("CUDA out of memory.")])
def test_without_room_for_several_seeds_one_is_tried(find, error):
    plan, asked, _ = find(lambda plan: Timing(0, 0.1) if plan.replicas == 1 else error, seeds=3, device="cuda")
    assert plan == ON_GPU[0]  # both take as long; the first of equals stays
    assert asked == [*ON_GPU, ON_GPU[1]._replace(replicas=1)]


@pytest.mark.parametrize(("program", "replicas"), [("eager", 1), ("graph", 1)])
def test_without_room_for_what_is_written_another_may_have_it(find, program, replicas):
    def times(plan):
        return Timing(0, 0.1) if plan.recompute and plan.program == program else torch.OutOfMemoryError("no")

    plan, _, logged = find(times, seeds=3, device="cuda")
    assert (plan.program, plan.replicas, plan.recompute) == (program, replicas, True)
    assert sum("no room" in line for line in logged) == len(logged) - (program == "eager")


def test_where_nothing_has_room_the_cell_is_told_so(find):
    with pytest.raises(NoRoomError, match=r"fits into memory\. Lower tasks_per_batch or inner_steps\."):
        find(lambda plan: NoRoomError("9 GiB, 1 free"))


def test_what_cannot_be_traced_runs_as_it_is_written(find):
    fault = RuntimeError("data-dependent control flow\nin your network")
    plan, asked, logged = find(lambda plan: Timing(0, 0.02) if plan == EAGER else fault)
    assert plan == EAGER
    assert asked == [EAGER, ONE, FOUR]
    assert logged[0] == f"plan: RuntimeError: data-dependent control flow: {ONE}"


def test_what_is_wrong_as_it_is_written_is_wrong(find):
    with pytest.raises(BenchError, match="no such option"):
        find(lambda plan: BenchError("no such option"))


@pytest.mark.parametrize(
    ("said", "plans"),
    [
        ("program=traced", [Plan("cpu", 2, 8, "traced"), ONE, FOUR]),
        (
            "program=eager,threads=2,workers=1",
            [EAGER, EAGER._replace(tasks_at_once=1), EAGER._replace(tasks_at_once=4)],
        ),
        ("tasks_at_once=2", [EAGER._replace(tasks_at_once=2), ONE._replace(tasks_at_once=2)]),
        ("recompute=true", [plan._replace(recompute=True) for plan in (EAGER, ONE, FOUR)]),
        ("replicas=3 precision=tf32", [plan._replace(replicas=3, precision="tf32") for plan in (EAGER, ONE, FOUR)]),
    ],
)
def test_what_is_given_holds(find, said, plans):
    plan, asked, _ = find(by_each(eager=0.2, traced=0.1), said=said)
    assert asked == plans
    assert plan in plans


def test_what_is_given_holds_where_there_is_no_room(find):
    with_room = ONE._replace(replicas=3, recompute=True)

    def times(plan):
        return Timing(0, 0.01) if plan == with_room else NoRoomError("")

    assert find(times, said="replicas=3,threads=1,workers=2,tasks_at_once=1")[0] == with_room


@pytest.mark.parametrize("plans", [0, 1, 2])
def test_asked_to_stop_it_tries_no_further_plan(find, plans):
    tried = []

    def times(plan):
        tried.append(plan)
        return Timing(0, 0.02)

    with pytest.raises(Interrupted):
        find(times, plans=plans)
    assert tried == [EAGER, ONE, FOUR][:plans]


def test_asked_to_stop_it_does_not_try_a_plan_that_needs_less_memory(find):
    tried = []

    def times(plan):
        tried.append(plan)
        return NoRoomError("9 GiB, 1 free")

    with pytest.raises(Interrupted):
        find(times, plans=1)
    assert tried == [EAGER]


def test_a_plan_given_whole_is_not_measured(find):
    said = "program=traced,threads=1,workers=2,tasks_at_once=1,recompute=false,replicas=2,precision=float32"
    assert find(by_each(), said=said)[:2] == (ONE._replace(replicas=2), [])


def test_candidates_of_a_gpu(find):
    """All tasks at once and all seeds side by side; no GPU is asked."""
    plan, asked, _ = find(by_each(eager=0.2, graph=0.1), seeds=3, device="cuda")
    assert (plan, asked) == (ON_GPU[1], ON_GPU)
    many = replace(CELL, training=replace(CELL.training, tasks_per_batch=100))
    assert find(by_each(eager=0.1, graph=0.2), many, device="cuda")[0] == Plan("cuda", 2, 64)


@pytest.mark.parametrize(
    ("cell", "at_once"),
    [
        (CELL, 8),
        (replace(CELL, backbone="resnet-4"), 4),
        (replace(CELL, backbone="resnet-12"), 2),
        (MINI, 1),
        (replace(CELL, training=replace(CELL.training, tasks_per_batch=3)), 3),
    ],
)
def test_tasks_at_once_by_weights_images_and_tasks(find, cell, at_once):
    assert find(by_each(eager=0.1, traced=0.2), cell)[0].tasks_at_once == at_once
    assert count_weights(cell) > 0


def test_a_plan_is_timed_by_what_it_computes(pattern_pool, monkeypatch):
    """By a clock that only work moves on: 8 s to make a program, 1 s to compute gradients."""
    spent = []
    monkeypatch.setattr(planning, "time", SimpleNamespace(monotonic=lambda: float(sum(spent))))
    cached = cached_by_shape
    monkeypatch.setattr(
        traced, "cached_by_shape", lambda make: cached(lambda *inputs: spent.append(8) or make(*inputs))
    )

    def timed_gradients(assembly):
        find = gradients(assembly)
        return lambda *asked: spent.append(1) or find(*asked)

    monkeypatch.setattr(planning, "gradients", timed_gradients)
    cell = replace(CELL, backbone="tests.training.networks:small", ways=3, training=Training(inner_steps=1))
    logged = []
    found = planning.timed(cell, pattern_pool, Plan("cpu", 1, 1, "traced", 2, replicas=2), logged.append)
    assert 8 in spent  # a program was made
    assert found == Timing(first=sum(spent[:-1]), each=1 / 4)  # the last call: two tasks for two replicas
    assert logged[0].endswith("s at first: " + str(Plan("cpu", 1, 1, "traced", 2, replicas=2)))
    assert torch.get_num_threads() == 2
