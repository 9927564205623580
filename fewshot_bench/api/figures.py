"""Figures of one cell as pictures, which a notebook shows."""

import io
from pathlib import Path

import matplotlib.style
from PIL import Image

from fewshot_bench.basics.errors import BenchError
from fewshot_bench.cells.reading import read_cell
from fewshot_bench.report.figures import drawn
from fewshot_bench.report.style import STYLE
from fewshot_bench.report.trajectories import read_trajectories

DPI = 120


def plot_learned(cell: str | Path, *hyperparameters: str) -> Image.Image:
    """What the cell in a folder learned beside its weights, over epochs: one line a parameter tensor.

    hyperparameters: "lr", "beta1", ...; all where none is named. The values are in the cell's hyperparameters.parquet.
    Raises BenchError where nothing was learned, or not these.
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
        drawn(trajectories, hyperparameters or learned).savefig(content, format="png", dpi=DPI)
    return Image.open(content)
