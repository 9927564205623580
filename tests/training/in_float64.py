"""Cells in double precision, where layouts can be told from faults."""

from collections.abc import Callable

from fewshot_bench.hypergradients.problem import Batch, Task
from fewshot_bench.training.assembly import Assembly


def in_float64(assembly: Assembly) -> Assembly:
    """The same cell with weights and images in float64."""
    model = assembly.parts.model
    weights = {name: value.double() for name, value in model.weights.items()}
    return assembly._replace(
        parts=assembly.parts._replace(model=model._replace(weights=weights)),
        streams=assembly.streams._replace(
            **{part: _doubled(getattr(assembly.streams, part)) for part in ("train", "val", "test")}
        ),
    )


def _doubled(stream: Callable[[int, int], Task]) -> Callable[[int, int], Task]:
    def tasks(first: int, end: int) -> Task:
        found = stream(first, end)
        support, query = (Batch(part.x.double(), part.y) for part in found[:2])
        return found._replace(support=support, query=query)

    return tasks
