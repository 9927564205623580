"""Open a dataset's images by name."""

from dataclasses import dataclass
from pathlib import Path

from fewshot_bench.basics.counting import counted
from fewshot_bench.basics.errors import BenchError
from fewshot_bench.data.datasets import Dataset, dataset
from fewshot_bench.data.datasets import open_pool as opened
from fewshot_bench.data.locations import default_data_dir
from fewshot_bench.data.pool import Pool, Progress, silent


@dataclass(frozen=True, repr=False)
class DatasetPool:
    """A dataset with its images by class.

    Attributes:
        dataset: Name, image shape, class splits and normalisation.
        pool: The images, memory-mapped: `pool.images` is uint8 [classes, examples, channels, height, width], and
            `pool.classes` are the names of the classes.
    """

    dataset: Dataset
    pool: Pool

    def __repr__(self) -> str:
        classes, examples = self.pool.images.shape[:2]
        channels, height, width = self.pool.shape
        images = f"{counted(classes, 'class')}, {counted(examples, 'image')} each"
        return f"{self.dataset.name}: {images}, {channels} x {height} x {width}"


Data = DatasetPool | Pool | str | Path | None
"""Where a dataset's images come from: a pool, or a data folder (None: $FEWSHOT_DATA, or else datasets/)."""


def pool_for(name: str, data: Data) -> DatasetPool:
    """The images of the dataset `name` from `data`. Raises BenchError if that is neither a pool nor a folder."""
    if isinstance(data, DatasetPool):
        return data
    if isinstance(data, Pool):
        return DatasetPool(dataset(name), data)
    if data is None or isinstance(data, str | Path):
        return open_pool(name, data)
    raise BenchError(f"data is a {type(data).__name__}. Give what open_pool returns, or the folder of the data.")


def open_pool(name: str, data_dir: str | Path | None = None, progress: Progress = silent) -> DatasetPool:
    """Open the images of a dataset. The first call prepares them from the raw files (glyphs: draws them, about 10 s).

    Args:
        name: "omniglot", "mini-imagenet" or "glyphs".
        data_dir: The folder of the data. None: $FEWSHOT_DATA, or else datasets/.
        progress: Called with the progress of preparing.

    Returns:
        The dataset with its images.

    Raises:
        BenchError: If the dataset is unknown, or if there are neither prepared images nor raw files.

    Examples:
        >>> open_pool("glyphs")
        glyphs: 1,120 classes, 20 images each, 1 x 28 x 28
    """
    folder = default_data_dir() if data_dir is None else Path(data_dir)
    return DatasetPool(dataset(name), opened(name, folder, progress))
