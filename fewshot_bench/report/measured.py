"""A cell that was tested with both kinds of batch norm counts as two: the same but for how queries are normalised."""

from collections.abc import Iterable, Iterator

from fewshot_bench.cells.contents import OTHER_TESTS
from fewshot_bench.cells.reading import CellFolder


def measured(cells: Iterable[CellFolder]) -> list[CellFolder]:
    """Each cell, and after it the cell as it did with the batch norm it is not trained with, where it was tested so.

    The second has the first's validation accuracy, by which the epochs that both tests are of were chosen.
    """
    return [one for cell in cells for one in (cell, *_otherwise(cell))]


def _otherwise(cell: CellFolder) -> Iterator[CellFolder]:
    for key, batch_norm in OTHER_TESTS.items():
        if key in cell.result:
            result = {name: value for name, value in cell.result.items() if name != key} | cell.result[key]
            fingerprint = result["fingerprint"] | {"batch_norm": batch_norm}
            yield cell._replace(test=f"test {batch_norm}", result=result | {"fingerprint": fingerprint})
