"""The checks of a dataset, in stages: its values, its pool, the tasks that are drawn of it, and a cell that runs."""

from fewshot_bench.conformance.dataset.contract import Candidate, contract, options, pool, raw_data, splits
from fewshot_bench.conformance.dataset.drawn_checks import drawn_tasks
from fewshot_bench.conformance.dataset.drawn_checks import run as run_drawn
from fewshot_bench.conformance.dataset.pool_checks import (
    duplicates,
    hash_of_the_pool,
    images,
    made_again,
    normalisation,
    smallest_class,
)
from fewshot_bench.conformance.dataset.task_checks import an_image_survives, run, tasks
from fewshot_bench.conformance.findings import Check, Stages

__all__ = ["CHECKS", "DRAWN_STAGES", "STAGES", "Candidate"]

STAGES: Stages[Candidate] = (
    (contract,),
    (
        options,
        splits,
        raw_data,
    ),
    (pool,),
    (
        hash_of_the_pool,
        made_again,
        images,
        duplicates,
        normalisation,
        smallest_class,
    ),
    (
        tasks,
        an_image_survives,
        run,
    ),
)

DRAWN_STAGES: Stages[Candidate] = ((contract,), (options,), (drawn_tasks,), (run_drawn,))
"""The checks of a dataset whose tasks are drawn and not stored."""

CHECKS: tuple[Check[Candidate], ...] = tuple(check for stage in STAGES for check in stage)
