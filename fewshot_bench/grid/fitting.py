"""Whether a cell's learner goes with the tasks it is to be trained on and with its inner optimizer."""

from fewshot_bench.basics.counting import counted
from fewshot_bench.cells.cell import NO_INNER_OPTIMIZER, Cell
from fewshot_bench.learners.base import Traits


def unfit(cell: Cell, traits: Traits) -> list[str]:
    """A sentence for each thing that does not go with a learner of these traits."""
    faults = []
    if cell.train_ways != cell.ways and not traits.any_ways:
        faults.append(
            f"[training]: `ways` is {cell.train_ways} where tests have {counted(cell.ways, 'way')}, but {cell.learner} "
            "is trained on tasks of as many classes as it is tested on. Set the key for a learner that need not be, as "
            "in [learners.protonet]."
        )
    if cell.inner_optimizer == NO_INNER_OPTIMIZER and traits.inner_loop:
        faults.append(
            f"{cell.learner} adapts by its inner optimizer, and {NO_INNER_OPTIMIZER!r} is for learners that have no "
            "inner loop. To see it without adaptation, set `inner_steps` = 0."
        )
    return faults
