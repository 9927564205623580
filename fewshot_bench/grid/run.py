"""The front door: `run` takes a grid's cells through all checks, then through an engine, in a folder of results."""

import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from fewshot_bench.basics.counting import counted
from fewshot_bench.basics.errors import BenchError
from fewshot_bench.cells import folders
from fewshot_bench.cells.cell import Cell
from fewshot_bench.cells.code import accept_or_refuse
from fewshot_bench.data.datasets import open_pool
from fewshot_bench.data.locations import default_data_dir
from fewshot_bench.data.pool import Pool, Progress, silent
from fewshot_bench.data.splits import check_images, read_split
from fewshot_bench.grid.attempt import Listener
from fewshot_bench.grid.inline import run_cells
from fewshot_bench.grid.validation import check_parts
from fewshot_bench.training.plan import find_device
from fewshot_bench.training.replica import Moment


class Job(NamedTuple):
    """What an engine is given: cells that have passed all checks, and how to compute them; see `run`."""

    cells: list[Cell]
    directory: Path
    data_dir: Path
    pools: dict[str, Pool]
    device: str
    plan: dict[str, Any]
    listener: Listener
    accept_code: bool


class Engine(NamedTuple):
    """How a job is done.

    run: computes the cells that are not done, tells the listener, and returns the ids of those that are not done then;
    raises Interrupted if the listener says stop. here: whether it computes in this process, on this machine's device.
    """

    run: Callable[[Job], list[str]]
    here: bool


def _inline(job: Job) -> list[str]:
    return run_cells(job.cells, job.directory, job.pools, job.device, job.listener, job.plan, job.accept_code)


INLINE = Engine(_inline, here=True)
"""One cell after another, in this process. The engine for clusters is made by grid.cluster.ray."""


class Outcome(NamedTuple):
    """What a run came to.

    cells: those it was to compute, in order. undone: why each cell that is not done is not, by its id.
    """

    cells: tuple[Cell, ...]
    undone: Mapping[str, str]


def _nothing(cell: Cell, moment: Moment) -> None:
    pass


def _not_told(cell: Cell, status: str, reason: str) -> None:
    pass


SILENT = Listener(_nothing, _not_told, lambda: False)
"""A listener that shows nothing and never asks to stop."""


def run(
    cells: Sequence[Cell],
    directory: Path,
    *,
    data_dir: Path | None = None,
    device: str = "auto",
    engine: Engine = INLINE,
    plan: Mapping[str, Any] | None = None,
    listener: Listener = SILENT,
    accept_code: bool = False,
    progress: Progress = silent,
) -> Outcome:
    """Trains and evaluates the cells that are not done yet in a folder of results.

    Args:
        cells: from grid.expand. Those that another cell stands for (`retry --set`) are passed over, which is said.
        directory: the folder of results. It may hold cells of other grids.
        data_dir: folder of the data; None: $FEWSHOT_DATA, or else datasets/.
        device: "auto" or a torch device, for new cells; others go on where they began.
        engine: INLINE, or grid.cluster.ray(...).
        plan: fields of the plans of new cells (training/plan.py); what it leaves open is measured.
        listener: told of the run, and asked whether to stop.
        accept_code: keep results and checkpoints made before the code that the cells name was changed.
        progress: told of the preparation of data.

    Raises:
        BenchError: before any work, if something about cells, code, data, device or folder makes the run impossible.
        Interrupted: if the listener said stop. The same call goes on.
    """
    cells, given = [cell for cell in cells if not _skipped(cell, directory, listener.say)], dict(plan or {})
    if not cells:
        return Outcome((), {})
    if accepted := accept_or_refuse(cells, directory, accept_code):
        kept = f"results and checkpoints of {counted(len(accepted), 'cell')}, made before the code changed, are kept."
        listener.say(f"--accept-code: {kept}")
    data_dir = data_dir or default_data_dir()
    device = find_device(device) if engine.here else device
    check_parts(cells, directory, device if engine.here else "cpu", given)
    pools = open_pools(cells, data_dir, progress)
    _check_writable(directory)
    folders.enroll(directory, cells)
    undone: dict[str, str] = {}

    def ended(cell: Cell, status: str, reason: str) -> None:
        if status != folders.DONE:
            undone[cell.id] = reason
        listener.ended(cell, status, reason)

    told = listener._replace(ended=ended)
    left = engine.run(Job(cells, directory, data_dir, pools, device, given, told, accept_code))
    return Outcome(tuple(cells), {name: undone.get(name, "") for name in left})


def open_pools(cells: Iterable[Cell], data_dir: Path, progress: Progress = silent) -> dict[str, Pool]:
    """The images of the cells by dataset, prepared if they are not yet.

    Raises DataError as `open_pool` does, and if an image is in two parts of a cell's split.
    """
    places = dict.fromkeys((cell.dataset, cell.split) for cell in cells)
    pools = {name: open_pool(name, data_dir, progress) for name in dict.fromkeys(dataset for dataset, _ in places)}
    for dataset, split in places:
        check_images(dataset, read_split(dataset, split), pools[dataset])
    return pools


def _skipped(cell: Cell, directory: Path, say: Callable[[str], None]) -> bool:
    """Whether another cell stands for this one, which is then said."""
    known = folders.status(folders.folder_of(directory, cell))
    if known.get("status") != folders.SKIPPED:
        return False
    say(f"{cell.id} is passed over: {known.get('reason')}. Delete its folder to run it after all.")
    return True


def _check_writable(directory: Path) -> None:
    """Raises BenchError if no file can be made in `directory`."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            pass
    except OSError as error:
        raise BenchError(f"cannot write into {directory}: {error.strerror}. Choose another folder by --out.") from error
