"""Which program a plan asks for; and the one that runs operation by operation, as it is written."""

from typing import Any

from fewshot_bench.hypergradients.batching import over_tasks
from fewshot_bench.training.plan import Plan
from fewshot_bench.training.programs.base import OfOne, Program
from fewshot_bench.training.programs.captured import captured
from fewshot_bench.training.programs.interpreted import Note
from fewshot_bench.training.programs.traced import traced


def program(of_one: OfOne, plan: Plan, note: Note = lambda reason: None) -> Program:
    """`of_one` for many tasks, as `plan` has it.

    note: told whether torch's interpreter carries a traced program out, and why not; never called for an eager one.
    """
    if plan.program == "eager":
        return eager(of_one, plan.tasks_at_once)
    replayed = traced(of_one, plan.tasks_at_once, plan.workers, note)
    return captured(replayed) if plan.program == "graph" else replayed


def eager(of_one: OfOne, at_once: int) -> Program:
    """at_once: tasks that `vmap` takes together; 1: a plain loop."""

    def run(shared: Any, tasks: Any) -> Any:
        return over_tasks(lambda task: of_one(shared, task), at_once)(tasks)

    return run
