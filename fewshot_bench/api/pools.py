"""Open a dataset's images by name."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fewshot_bench.basics.counting import counted
from fewshot_bench.basics.errors import BenchError
from fewshot_bench.basics.options import frozen, problems
from fewshot_bench.cells.cell import Cell
from fewshot_bench.data.dataset import Dataset
from fewshot_bench.data.datasets import dataset_of, find_dataset, open_pool_of, options_known
from fewshot_bench.data.datasets import open_pool as opened
from fewshot_bench.data.locations import default_data_dir
from fewshot_bench.data.pool import Pool, Progress, silent
from fewshot_bench.grid.files import make_importable


@dataclass(frozen=True, repr=False)
class DatasetPool:
    """A dataset with its images by class.

    Attributes:
        dataset: Name, image shape, class splits and normalisation.
        pool: The images, memory-mapped: `pool.images` is uint8 [n, channels, height, width], class after class;
            `pool.of_class(i)` are those of class i, and `pool.classes` are the names of the classes.
    """

    dataset: Dataset
    pool: Pool

    def __repr__(self) -> str:
        channels, height, width = self.pool.shape
        images = f"{counted(len(self.pool.classes), 'class')}, {self.pool.images_each} each"
        return f"{self.dataset.name}: {images}, {channels} x {height} x {width}"


Data = DatasetPool | Pool | str | Path | None
"""Where a dataset's images come from: a pool, or a data folder (None: $FEWSHOT_DATA, or else datasets/)."""


def pool_for(cell: Cell, data: Data, progress: Progress = silent) -> DatasetPool:
    """The images of a cell's dataset from `data`. Raises BenchError if that is neither a pool nor a folder."""
    if isinstance(data, DatasetPool):
        return data
    known = dataset_of(cell)
    if isinstance(data, Pool):
        return DatasetPool(known, data)
    if data is None or isinstance(data, str | Path):
        return DatasetPool(known, open_pool_of(cell, folder_of(data), progress))
    raise BenchError(f"data is a {type(data).__name__}. Give what open_pool returns, or the folder of the data.")


def open_pool(
    name: str, data_dir: str | Path | None = None, progress: Progress = silent, **options: Any
) -> DatasetPool:
    """Open the images of a dataset. The first call prepares them from the raw files (glyphs: draws them, about 10 s).

    Args:
        name: A dataset's name in a grid: a known one (`fewshot-bench list datasets`), the name of a folder that was
            imported, or the import path of a function.
        data_dir: The folder of the data. None: $FEWSHOT_DATA, or else datasets/.
        progress: Called with the progress of preparing.
        options: Options of the dataset, such as size=64.

    Returns:
        The dataset with its images.

    Raises:
        BenchError: If the dataset is unknown or has no images, or if there are neither prepared images nor raw files.

    Examples:
        >>> open_pool("glyphs")
        glyphs: 1,120 classes, 20 images each, 1 x 28 x 28
    """
    folder = folder_of(data_dir)
    make_importable(Path.cwd())
    faults = problems(options, options_known(name, folder), f"dataset {name!r}")
    if faults:
        raise BenchError(faults[0])
    known = find_dataset(name, folder, tuple(sorted((key, frozen(value)) for key, value in options.items())))
    if known.draw_tasks is not None:
        raise BenchError(f"{name} has no images to open: its tasks are drawn. Name it in a grid.")
    return DatasetPool(known, opened(known, folder, progress))


def folder_of(data_dir: str | Path | None) -> Path:
    """The folder of the data; None: $FEWSHOT_DATA, or else datasets/."""
    return default_data_dir() if data_dir is None else Path(data_dir)
