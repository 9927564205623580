"""The plan of a new cell is found by a short measurement: ways to compute its first tasks, each timed once."""

import time
from collections.abc import Callable
from math import inf
from typing import Any, NamedTuple

import torch

from fewshot_bench.basics.memory import NoRoomError, out_of_memory
from fewshot_bench.cells.cell import Cell
from fewshot_bench.data.datasets import DATASETS
from fewshot_bench.data.pool import Pool
from fewshot_bench.training.assembly import Network, assemble, count_weights
from fewshot_bench.training.gradients import gradients
from fewshot_bench.training.meta_step import begin
from fewshot_bench.training.plan import Plan, as_planned
from fewshot_bench.training.programs.workers import POSSIBLE
from fewshot_bench.training.rehearsal import named_from_outside, rehearse_cell
from fewshot_bench.training.replica import Interrupted

WORTH_MEASURING = 200  # tasks in a whole cell, below which nothing is gained by choosing
TRIALS_SHARE = 0.05  # of a cell's time, more than which is not spent on trying a plan
WORTH_TRACING = 30.0  # seconds that a cell would take eagerly, below which writing it down does not pay


class Timing(NamedTuple):
    """first: seconds until the first tasks were done, what is made once included; each: seconds a task from then on."""

    first: float
    each: float


def find_plan(
    cell: Cell,
    seeds: int,
    pool: Pool,
    device: str,
    given: dict[str, Any],
    log: Callable[[str], None],
    stop: Callable[[], bool] = lambda: False,
    network: Network | None = None,
) -> Plan:
    """The fastest plan for a cell among those that fit into memory.

    seeds: cells to run that differ from it in nothing but the seed, itself among them; given: fields that are not left
    open; log: called with the measurement of each plan; stop: called before each plan is tried; network: the cell's, if
    it was built before. Raises NoRoomError if no plan fits, Interrupted if `stop()` is true.
    """
    eager, *others = _candidates_with(cell, seeds, device, given)
    tasks = _tasks(cell)
    if not others or tasks < WORTH_MEASURING:
        return eager
    try:
        best, found = _timed_with_room(cell, pool, eager, given, log, stop, network)
        least = found.each * tasks
    except NoRoomError:
        best, least = None, inf
    trial = 0.0  # seconds that it took to write down one task
    for plan in others:
        if least < WORTH_TRACING or plan.tasks_at_once * trial > TRIALS_SHARE * least:
            break
        try:
            if named_from_outside(cell):  # the timing below makes no predictions: a validation might still fail
                rehearse_cell(cell, plan, network)
            way, found = _timed_with_room(cell, pool, plan, given, log, stop, network)
        except Interrupted:
            raise
        except Exception as error:  # somebody's network may do what cannot be written down
            log(f"plan: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}: {plan}")
            continue
        trial, whole = found.first / way.tasks_at_once, found.first + found.each * tasks
        best, least = (way, whole) if whole < least else (best, least)
    if best is None:
        raise NoRoomError("no way to compute one meta-step fits into memory. Lower tasks_per_batch or inner_steps.")
    return best


def first_plan(cell: Cell, device: str, given: dict[str, Any]) -> Plan:
    """The plan that is tried first. If a cell fails with it, planning fails."""
    return _candidates_with(cell, 1, device, given)[0]


def usual_plan(cell: Cell, device: str) -> Plan:
    """The plan that is mostly found where seeds are run one by one, told without a measurement."""
    eager, *others = _candidates(cell, 1, device)
    return others[0] if others and _tasks(cell) >= WORTH_MEASURING else eager


def timed(cell: Cell, pool: Pool, plan: Plan, log: Callable[[str], None], network: Network | None = None) -> Timing:
    """How long the gradients of a few tasks take by a plan: of as many as it computes side by side."""
    with as_planned(plan):
        assembly = assemble(cell, pool, plan, network)
        states = [
            begin(assembly.learner, assembly.parts, cell.training.inner_steps, plan.device)
            for _ in range(plan.replicas)
        ]
        count = plan.workers * plan.tasks_at_once
        find, tasks = gradients(assembly), assembly.streams.train(0, count)
        seconds = []
        for _ in range(2):
            start = time.monotonic()
            found = find(states, [tasks] * plan.replicas)
            float(found[0].metrics["loss"].sum())  # waits for the device
            seconds.append(time.monotonic() - start)
    each = seconds[1] / count / plan.replicas
    log(f"plan: {each:.4f} s a task, {seconds[0]:.2f} s at first: {plan}")
    return Timing(seconds[0], each)


def _timed_with_room(
    cell: Cell,
    pool: Pool,
    plan: Plan,
    given: dict[str, Any],
    log: Callable[[str], None],
    stop: Callable[[], bool],
    network: Network | None,
) -> tuple[Plan, Timing]:
    """The plan, or if memory is short a variant that takes less, and its timing.

    Raises NoRoomError if none fits, and Interrupted if `stop()` is true before one is tried.
    """
    leaner = plan._replace(replicas=1), plan._replace(replicas=1, recompute=True)
    for way in dict.fromkeys((plan, *(one._replace(**given) for one in leaner))):
        if stop():
            raise Interrupted
        try:
            return way, timed(cell, pool, way, log, network)
        except Exception as error:
            if not out_of_memory(error):
                raise
            log(f"plan: no room: {error}: {way}")
    raise NoRoomError("nor with one seed at a time and inner steps computed again")


def _tasks(cell: Cell) -> int:
    """Of all its meta-steps."""
    return cell.training.iterations * cell.training.tasks_per_batch


def _candidates_with(cell: Cell, seeds: int, device: str, given: dict[str, Any]) -> list[Plan]:
    return list(dict.fromkeys(plan._replace(**given) for plan in _candidates(cell, seeds, device)))


def _candidates(cell: Cell, seeds: int, device: str) -> list[Plan]:
    """What may be best; first what runs as it is written, within about 7 GB for every network of the package."""
    weights, tasks = count_weights(cell), cell.training.tasks_per_batch
    cores, image = torch.get_num_threads(), DATASETS[cell.dataset].shape
    if device != "cpu":
        return [Plan(device, cores, min(tasks, 64)), Plan(device, cores, tasks, "graph", replicas=seeds)]
    at_once = 8 if weights < 500_000 else 4 if weights < 2_000_000 else 2
    at_once = min(tasks, 1 if image.height * image.width > 32 * 32 else at_once)
    workers = min(cores, tasks) if POSSIBLE else 1
    some = max(1, min(at_once, tasks // workers))
    return [
        Plan(device, cores, at_once),
        *(Plan(device, 1, many, "traced", workers) for many in dict.fromkeys((1, some))),
    ]
