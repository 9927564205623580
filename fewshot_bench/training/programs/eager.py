"""A program that runs operation by operation, as it is written."""

from typing import Any

from fewshot_bench.hypergradients.batching import over_tasks
from fewshot_bench.training.programs.base import OfOne, Program


def eager(of_one: OfOne, at_once: int) -> Program:
    """at_once: tasks that `vmap` takes together; 1: a plain loop."""

    def run(shared: Any, tasks: Any) -> Any:
        return over_tasks(lambda task: of_one(shared, task), at_once)(tasks)

    return run
