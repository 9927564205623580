"""Test a loaded cell again, by its own protocol or by another, without training."""

from collections.abc import Callable
from dataclasses import replace

import torch

from fewshot_bench.api.loading import TrainedCell
from fewshot_bench.api.pools import Data, pool_for
from fewshot_bench.api.protocols import Protocol, own_protocol
from fewshot_bench.basics.errors import BenchError
from fewshot_bench.data.pool import Pool
from fewshot_bench.hypergradients.problem import Task
from fewshot_bench.training.assembly import assemble
from fewshot_bench.training.evaluation import Scores, evaluate, predictions
from fewshot_bench.training.plan import as_planned

Score = Callable[[int, int], Scores]
"""(first, end) -> scores on test tasks first, first + 1, ... end - 1."""


def evaluate_cell(trained: TrainedCell, data: Data = None) -> Scores:
    """Repeat the cell's test. With the cell's own plan the numbers equal those of result.json and episodes.parquet.

    Args:
        trained: A cell from `load_cell`.
        data: The pool, or the folder of the data. None: $FEWSHOT_DATA, or else datasets/.

    Returns:
        `accuracy` (fraction in [0, 1]) and `loss` (nats), each a float64 tensor of shape [test tasks].

    Raises:
        BenchError: If the pool holds other images than the cell was tested on.

    Examples:
        >>> scores = evaluate_cell(cell)
        >>> len(scores.accuracy) == cell.cell.evaluation.tasks
        True
    """
    pool = pool_for(trained.cell, data)
    check_same_images(trained, pool.pool)
    with as_planned(trained.plan):
        return scorer(trained, pool.pool, own_protocol(trained))(0, trained.cell.evaluation.tasks)


def scorer(trained: TrainedCell, pool: Pool, protocol: Protocol) -> Score:
    """A function that scores test tasks by a protocol. Call it within `as_planned(trained.plan)`.

    Task i has the same classes and support images in every protocol, and a larger query set contains the smaller one.
    So protocols can be compared task by task.
    """
    evaluation = replace(trained.cell.evaluation, queries=protocol.queries)
    assembly = assemble(replace(trained.cell, evaluation=evaluation), pool, trained.plan)
    predict, tasks = predictions(assembly), assembly.streams.test
    now = trained.stage._replace(steps=protocol.steps)
    members = trained.members[: protocol.ensemble]

    def score(first: int, end: int) -> Scores:
        def shifted(start: int, stop: int) -> Task:
            return tasks(first + start, first + stop)

        objective = assembly.parts.objective
        return evaluate(predict, members, now, shifted, end - first, protocol.batch_norm, objective=objective)

    return score


def check_same_images(trained: TrainedCell, pool: Pool) -> None:
    """Raise BenchError if the pool is not the one that the cell was tested on."""
    tested_on, held = trained.result["fingerprint"].get("pool_hash"), (pool.tested_on or pool).manifest["pool_hash"]
    if tested_on != held:
        raise BenchError(
            f"{trained.cell.id} was tested on the images {str(tested_on)[:8]}, but the pool holds {held[:8]}: another "
            f"preparation of {trained.cell.dataset}. Bring those back to compare."
        )


def right_answers(scores: Scores, protocol: Protocol, ways: int) -> list[int]:
    """The number of correctly classified queries of each task."""
    return torch.round(scores.accuracy * ways * protocol.queries).to(torch.int64).tolist()
