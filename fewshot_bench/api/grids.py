"""Train a grid from Python, as `fewshot-bench run` does."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fewshot_bench.basics.counting import counted
from fewshot_bench.basics.errors import BenchError
from fewshot_bench.cells.folders import folder_of
from fewshot_bench.grid.expand import expand
from fewshot_bench.grid.files import GridFile, make_importable, read
from fewshot_bench.grid.run import run


def run_grid(
    grid: Mapping[str, Any] | str | Path,
    out: str | Path,
    *,
    data_dir: str | Path | None = None,
    device: str = "auto",
    accept_code: bool = False,
) -> list[Path]:
    """Train and evaluate the cells of a grid that are not done yet.

    Call it again to resume: finished cells are kept, and unfinished ones go on from their last checkpoint. An
    interruption costs at most half a minute of training.

    Args:
        grid: The tables of a grid file as a dict, or the path of a grid file, or a preset's name.
        out: The folder of results. It is created if it does not exist.
        data_dir: The folder of the data. None: $FEWSHOT_DATA, or else datasets/.
        device: A torch device, or "auto": a GPU if there is one.
        accept_code: Keep results and checkpoints of your own code that was edited after they were made.

    Returns:
        The folder of each cell, in the order of the grid.

    Raises:
        BenchError: If the grid has invalid entries, if a cell failed, or if your own code was edited since and
            `accept_code` is not given.

    Examples:
        >>> folders = run_grid(grid, out="results/tutorial")
        >>> folders[0].parent.as_posix()
        'results/tutorial/cells'
    """
    if isinstance(grid, Mapping):
        make_importable(Path.cwd())
        file = GridFile("grid", "the grid", dict(grid))
    else:
        file = read(str(grid))
    place = None if data_dir is None else Path(data_dir)
    cells, directory = expand(file, place), Path(out)
    undone = run(cells, directory, data_dir=place, device=device, accept_code=accept_code).undone
    if undone:
        which = "; ".join(f"{name}: {reason}" for name, reason in undone.items())
        raise BenchError(f"not done: {len(undone)} of {counted(len(cells), 'cell')}. {which}")
    return [folder_of(directory, cell) for cell in cells]
