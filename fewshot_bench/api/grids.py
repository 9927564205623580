"""A grid trained from Python, as `fewshot-bench run` does it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fewshot_bench.basics.counting import counted
from fewshot_bench.basics.errors import BenchError
from fewshot_bench.cells import folders
from fewshot_bench.cells.cell import Cell
from fewshot_bench.cells.code import accept_or_refuse
from fewshot_bench.data.locations import default_data_dir
from fewshot_bench.grid.attempt import Listener
from fewshot_bench.grid.checks import rehearse
from fewshot_bench.grid.expand import expand
from fewshot_bench.grid.files import GridFile, make_importable, read
from fewshot_bench.grid.inline import run_cells
from fewshot_bench.grid.pools import pools_of
from fewshot_bench.training.plan import find_device
from fewshot_bench.training.replica import Moment


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
    accept_or_refuse(cells, directory, accept_code)
    folder = default_data_dir() if data_dir is None else Path(data_dir)
    where = find_device(device)
    rehearse(cells, directory, where, {})
    pools = pools_of(cells, folder)
    folders.enroll(directory, cells)
    undone = {}

    def ended(cell: Cell, status: str, reason: str) -> None:
        if status != folders.DONE:
            undone[cell.id] = reason

    run_cells(cells, directory, pools, where, Listener(_nothing, ended, lambda: False), None, accept_code)
    if undone:
        which = "; ".join(f"{name}: {reason}" for name, reason in undone.items())
        raise BenchError(f"not done: {len(undone)} of {counted(len(cells), 'cell')}. {which}")
    return [folders.folder_of(directory, cell) for cell in cells]


def _nothing(cell: Cell, moment: Moment) -> None:
    pass
