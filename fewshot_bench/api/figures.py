"""Figures of one cell as PIL images, which a notebook shows."""

import io
from pathlib import Path

import matplotlib.style
from PIL import Image

from fewshot_bench.basics.errors import BenchError
from fewshot_bench.cells.reading import read_cell
from fewshot_bench.report.hyperparameter_figure import hyperparameter_figure
from fewshot_bench.report.records import read_trajectories
from fewshot_bench.report.style import STYLE

DPI = 120


def plot_learned(cell: str | Path, *hyperparameters: str) -> Image.Image:
    """Plot the hyperparameters that a cell learned, over epochs, with one line per parameter tensor.

    The values are in the cell's hyperparameters.parquet.

    Args:
        cell: The cell's folder, results/GRID/cells/CELL.
        *hyperparameters: Names such as "lr" or "beta1". None given: all that were learned.

    Returns:
        The figure, as a PIL image.

    Raises:
        BenchError: If the folder holds no cell, or if the cell did not learn these hyperparameters.

    Examples:
        >>> plot_learned(folders[0], "lr").format
        'PNG'
    """
    folder = Path(cell).resolve()
    found = read_cell(folder) if folder.is_dir() else None
    if found is None:
        raise BenchError(f"{folder} is no cell. Give a cell's own folder, results/<grid>/cells/<cell>.")
    trajectories = read_trajectories(found)
    learned = [] if trajectories is None else list(dict.fromkeys(trajectories.table["hyperparameter"]))
    missing = [name for name in hyperparameters if name not in learned]
    if trajectories is None or missing:
        raise BenchError(f"{found.name} learned {', '.join(learned) or 'nothing beside its weights'}.")
    content = io.BytesIO()
    with matplotlib.style.context(["default", STYLE]):
        hyperparameter_figure(trajectories, hyperparameters or learned).savefig(content, format="png", dpi=DPI)
    return Image.open(content)
