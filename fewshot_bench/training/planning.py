"""The choice of a plan for a new cell, by a short measurement of candidate plans on its first tasks."""

import time
from collections.abc import Callable
from math import inf
from typing import Any, NamedTuple

import torch

from fewshot_bench.basics.memory import NoRoomError, out_of_memory
from fewshot_bench.cells.cell import Cell
from fewshot_bench.data.datasets import dataset_of
from fewshot_bench.data.pool import Pool
from fewshot_bench.training.assembly import Network, assemble, count_weights
from fewshot_bench.training.gradients import gradients
from fewshot_bench.training.meta_step import begin
from fewshot_bench.training.plan import Plan, as_planned
from fewshot_bench.training.programs.workers import CAN_FORK
from fewshot_bench.training.rehearsal import named_from_outside, rehearse_cell
from fewshot_bench.training.replica import Interrupted

WORTH_MEASURING = 200  # tasks of a cell; with fewer, a measurement does not pay
TRIALS_SHARE = 0.05  # of a cell's time; a plan that takes longer to try is not tried
WORTH_TRACING = 30.0  # seconds of a cell by the eager plan; below that, tracing does not pay


class Timing(NamedTuple):
    """Seconds of a plan. first: for the first tasks, preparation included; each: for each task after them."""

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

    Args:
        cell: The cell.
        seeds: Number of cells to run that differ from it at most in the seed, the cell included.
        pool: The images of its dataset.
        device: A torch device.
        given: Fields of the plan that are fixed.
        log: Called with the measurement of each plan.
        stop: Called before each plan is tried.
        network: The cell's network, if it was built before.

    Raises:
        NoRoomError: No plan fits into memory.
        Interrupted: `stop()` returned true.
    """
    weights = count_weights(cell) if network is None else network.weights
    eager, *others = _candidates_with(cell, weights, seeds, device, given)
    tasks = _tasks(cell)
    if not others or tasks < WORTH_MEASURING:
        return eager
    try:
        best, timing = _timed_within_memory(cell, pool, eager, given, log, stop, network)
        least = timing.each * tasks
    except NoRoomError:
        best, least = None, inf
    trial = 0.0  # seconds to trace one task
    for plan in others:
        if least < WORTH_TRACING or plan.tasks_at_once * trial > TRIALS_SHARE * least:
            break
        try:
            if named_from_outside(cell):  # the timing below makes no predictions: a validation might still fail
                rehearse_cell(cell, plan, network)
            variant, timing = _timed_within_memory(cell, pool, plan, given, log, stop, network)
        except Interrupted:
            raise
        except Exception as error:  # a user's network may not be traceable
            log(f"plan: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}: {plan}")
            continue
        trial, whole = timing.first / variant.tasks_at_once, timing.first + timing.each * tasks
        best, least = (variant, whole) if whole < least else (best, least)
    if best is None:
        raise NoRoomError("no way to compute one meta-step fits into memory. Lower tasks_per_batch or inner_steps.")
    return best


def first_plan(cell: Cell, device: str, given: dict[str, Any]) -> Plan:
    """The plan that `find_plan` tries first. If a cell fails with it, planning fails."""
    return _candidates_with(cell, count_weights(cell), 1, device, given)[0]


def usual_plan(cell: Cell, device: str) -> Plan:
    """The plan that `find_plan` mostly returns for a single seed, without a measurement."""
    eager, *others = _candidates(cell, count_weights(cell), 1, device)
    return others[0] if others and _tasks(cell) >= WORTH_MEASURING else eager


def timed(cell: Cell, pool: Pool, plan: Plan, log: Callable[[str], None], network: Network | None = None) -> Timing:
    """The seconds that a plan takes for the gradients of as many tasks as it computes at once."""
    with as_planned(plan):
        assembly = assemble(cell, pool, plan, network)
        states = [
            begin(assembly.learner, assembly.parts, cell.training.inner_steps, plan.device)
            for _ in range(plan.replicas)
        ]
        count = plan.workers * plan.tasks_at_once
        compute, tasks = gradients(assembly), assembly.streams.train(0, count)
        seconds = []
        for _ in range(2):
            start = time.monotonic()
            results = compute(states, [tasks] * plan.replicas)
            float(results[0].metrics["loss"].sum())  # waits for the device
            seconds.append(time.monotonic() - start)
    each = seconds[1] / count / plan.replicas
    log(f"plan: {each:.4f} s a task, {seconds[0]:.2f} s at first: {plan}")
    return Timing(seconds[0], each)


def _timed_within_memory(
    cell: Cell,
    pool: Pool,
    plan: Plan,
    given: dict[str, Any],
    log: Callable[[str], None],
    stop: Callable[[], bool],
    network: Network | None,
) -> tuple[Plan, Timing]:
    """The plan and its timing; if memory is short, a variant that takes less.

    Raises NoRoomError if none fits, and Interrupted if `stop()` is true before one is tried.
    """
    leaner = plan._replace(replicas=1), plan._replace(replicas=1, recompute=True)
    for variant in dict.fromkeys((plan, *(lean._replace(**given) for lean in leaner))):
        if stop():
            raise Interrupted
        try:
            return variant, timed(cell, pool, variant, log, network)
        except Exception as error:
            if not out_of_memory(error):
                raise
            log(f"plan: no room: {error}: {variant}")
    raise NoRoomError("nor with one seed at a time and inner steps computed again")


def _tasks(cell: Cell) -> int:
    """The number of tasks in all meta-steps of a cell."""
    return cell.training.iterations * cell.training.tasks_per_batch


def _candidates_with(cell: Cell, weights: int, seeds: int, device: str, given: dict[str, Any]) -> list[Plan]:
    return list(dict.fromkeys(plan._replace(**given) for plan in _candidates(cell, weights, seeds, device)))


def _candidates(cell: Cell, weights: int, seeds: int, device: str) -> list[Plan]:
    """The plans to try. The first is eager, and takes at most about 7 GB for every network of the package.

    weights: their number in the cell's network.
    """
    tasks = cell.training.tasks_per_batch
    cores, image = torch.get_num_threads(), dataset_of(cell).shape
    if device != "cpu":
        return [Plan(device, cores, min(tasks, 64)), Plan(device, cores, tasks, "graph", replicas=seeds)]
    at_once = 8 if weights < 500_000 else 4 if weights < 2_000_000 else 2
    at_once = min(tasks, 1 if image.height * image.width > 32 * 32 else at_once)
    workers = min(cores, tasks) if CAN_FORK else 1
    some = max(1, min(at_once, tasks // workers))
    return [
        Plan(device, cores, at_once),
        *(Plan(device, 1, many, "traced", workers) for many in dict.fromkeys((1, some))),
    ]
