"""Which program a plan asks for."""

from fewshot_bench.training.plan import Plan
from fewshot_bench.training.programs.base import OfOne, Program
from fewshot_bench.training.programs.captured import captured
from fewshot_bench.training.programs.eager import eager
from fewshot_bench.training.programs.traced import traced


def program(of_one: OfOne, plan: Plan) -> Program:
    """`of_one` for many tasks, as `plan` has it."""
    if plan.program == "eager":
        return eager(of_one, plan.tasks_at_once)
    replayed = traced(of_one, plan.tasks_at_once, plan.workers)
    return captured(replayed) if plan.program == "graph" else replayed
