"""Cells in double precision, where layouts can be told from faults."""

from fewshot_bench.hypergradients.problem import Batch, Task
from fewshot_bench.training.assembly import Assembly


def in_float64(assembly: Assembly) -> Assembly:
    """The same cell with weights and training images in float64."""
    model = assembly.parts.model
    weights = {name: value.double() for name, value in model.weights.items()}

    def train(first: int, end: int) -> Task:
        tasks = assembly.streams.train(first, end)
        support, query = (Batch(part.x.double(), part.y) for part in tasks[:2])
        return tasks._replace(support=support, query=query)

    return assembly._replace(
        parts=assembly.parts._replace(model=model._replace(weights=weights)),
        streams=assembly.streams._replace(train=train),
    )
