"""One part of a grid, for one of several processes that do not know of each other (`run --shard 3/20`)."""

import re
from collections.abc import Mapping, Sequence

from fewshot_bench.basics.errors import BenchError
from fewshot_bench.cells.cell import Cell
from fewshot_bench.grid.costs import cost
from fewshot_bench.grid.rates import seconds, training


def part(cells: Sequence[Cell], text: str) -> list[Cell]:
    """The cells of the part that `text` names, as "3/20"; all of them if it is empty. Raises BenchError if it is none.

    Cells weigh what all of their work takes at the rates that ship with the package, so all machines make the same
    parts, whatever is done.
    """
    if not text:
        return list(cells)
    index, count = parsed(text)
    return shard(cells, {cell.id: microseconds(cell) for cell in cells}, index, count)


def parsed(text: str) -> tuple[int, int]:
    """ "3/20" as (3, 20). Raises BenchError for what is no such thing."""
    found = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text.strip(), re.ASCII)
    index, count = map(int, found.groups()) if found else (0, 0)
    if not 1 <= index <= count:
        raise BenchError(f"--shard is {text!r}, but has to be a part and how many there are, from 1/20 to 20/20.")
    return index, count


def shard(cells: Sequence[Cell], costs: Mapping[str, int], index: int, count: int) -> list[Cell]:
    """Part `index`, from 1, of `count` parts; cells stay in order. costs: by a cell's id.

    Cells are dealt out from the dearest to the cheapest, each to the part that has least so far, the first of equals.
    So parts differ by no more than the dearest cell, and do not depend on the order of cells.
    """
    loads, of = [0] * count, {}
    for cell in sorted(cells, key=lambda cell: (-costs[cell.id], cell.id)):
        least = loads.index(min(loads))
        loads[least] += costs[cell.id]
        of[cell.id] = least
    return [cell for cell in cells if of[cell.id] == index - 1]


def microseconds(cell: Cell) -> int:
    """What a cell weighs, as a whole number, so that sums do not depend on their order."""
    found = cost(cell)
    return round(1e6 * (training(cell, found) + seconds(cell, found.evaluation)))
