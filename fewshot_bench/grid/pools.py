"""The images that a grid's cells need."""

from collections.abc import Iterable
from pathlib import Path

from fewshot_bench.cells.cell import Cell
from fewshot_bench.data.datasets import open_pool
from fewshot_bench.data.duplicates import check_images
from fewshot_bench.data.pool import Pool
from fewshot_bench.data.progress import Progress, silent
from fewshot_bench.data.splits import read_split


def pools_of(cells: Iterable[Cell], data_dir: Path, progress: Progress = silent) -> dict[str, Pool]:
    """Pools by dataset, prepared where they were not. Raises DataError as `open_pool` does, and where images of one
    part of a cell's split are in another.
    """
    places = dict.fromkeys((cell.dataset, cell.split) for cell in cells)
    pools = {name: open_pool(name, data_dir, progress) for name in dict.fromkeys(dataset for dataset, _ in places)}
    for dataset, split in places:
        check_images(dataset, read_split(dataset, split), pools[dataset])
    return pools
