"""A grid trained from Python, as `fewshot-bench run` does it."""

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
    """Trains and evaluates what is missing of a grid; returns its cells' folders in `out`, in order.

    grid: what a grid file holds, as a dict of its tables; or the path of one, or a preset's name. Called again it goes
    on, as the command does; an interrupted notebook loses at most half a minute. accept_code: keep results
    and checkpoints that were made before the code that the grid names by import path was changed. Raises BenchError if
    there are such results and they are not accepted, if the grid has an invalid entry, or if a cell failed.
    """
    if isinstance(grid, Mapping):
        make_importable(Path.cwd())
        file = GridFile("grid", "the grid", dict(grid))
    else:
        file = read(str(grid))
    cells, directory = expand(file), Path(out)
    place = None if data_dir is None else Path(data_dir)
    undone = run(cells, directory, data_dir=place, device=device, accept_code=accept_code).undone
    if undone:
        which = "; ".join(f"{name}: {reason}" for name, reason in undone.items())
        raise BenchError(f"not done: {len(undone)} of {counted(len(cells), 'cell')}. {which}")
    return [folder_of(directory, cell) for cell in cells]
