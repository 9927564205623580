"""Shards: parts of a grid for several processes that do not communicate (`run --shard 3/20`)."""

import re
from collections.abc import Mapping, Sequence

from fewshot_bench.basics.errors import BenchError
from fewshot_bench.cells.cell import Cell
from fewshot_bench.grid.costs import cost
from fewshot_bench.grid.rates import seconds, training


def part(cells: Sequence[Cell], text: str) -> list[Cell]:
    """The cells of the part that `text` names, as "3/20"; all cells if it is empty. Raises BenchError if it is invalid.

    The weight of a cell is the time of all its work at the rates in the package. So all machines make the same parts,
    whatever is done.
    """
    if not text:
        return list(cells)
    index, count = parse_shard(text)
    return shard(cells, {cell.id: microseconds(cell) for cell in cells}, index, count)


def parse_shard(text: str) -> tuple[int, int]:
    """Parses "3/20" as (3, 20). Raises BenchError if the text has another form."""
    match = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text.strip(), re.ASCII)
    index, count = map(int, match.groups()) if match else (0, 0)
    if not 1 <= index <= count:
        raise BenchError(f"--shard is {text!r}, but has to be a part and how many there are, from 1/20 to 20/20.")
    return index, count


def shard(cells: Sequence[Cell], costs: Mapping[str, int], index: int, count: int) -> list[Cell]:
    """Part `index`, from 1, of `count` parts; cells stay in order. costs: by a cell's id.

    Cells are assigned from the most to the least expensive, each to the part with the least cost so far, the first of
    equals. So parts differ by at most the most expensive cell, and do not depend on the order of cells.
    """
    loads, of = [0] * count, {}
    for cell in sorted(cells, key=lambda cell: (-costs[cell.id], cell.id)):
        least = loads.index(min(loads))
        loads[least] += costs[cell.id]
        of[cell.id] = least
    return [cell for cell in cells if of[cell.id] == index - 1]


def microseconds(cell: Cell) -> int:
    """The weight of a cell, a whole number, so that sums do not depend on their order."""
    counted = cost(cell)
    return round(1e6 * (training(cell, counted) + seconds(cell, counted.evaluation)))
