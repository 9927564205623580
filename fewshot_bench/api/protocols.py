"""How a trained network is judged: the settings of its test that training does not know."""

from typing import NamedTuple

from fewshot_bench.api.loading import TrainedCell
from fewshot_bench.learners.base import BatchNorm


class Protocol(NamedTuple):
    """queries: images a class; batch_norm: how they are normalised; ensemble: epochs averaged; steps: of adaptation."""

    queries: int
    batch_norm: BatchNorm
    ensemble: int
    steps: int


def own_protocol(trained: TrainedCell) -> Protocol:
    """The protocol of the cell's own test."""
    cell = trained.cell
    return Protocol(cell.test_queries, trained.learner.traits.batch_norm, len(trained.members), cell.test_steps)
