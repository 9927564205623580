"""`run`: checks the cells of a grid, then computes them by an engine, in a folder of results."""

import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from fewshot_bench.basics.counting import counted
from fewshot_bench.basics.errors import BenchError, GridError
from fewshot_bench.cells import folders
from fewshot_bench.cells.cell import Cell
from fewshot_bench.cells.code import accept_or_refuse
from fewshot_bench.data.datasets import Pools, data_of, dataset_of, open_pool_of, split_of, test_dataset_of
from fewshot_bench.data.locations import default_data_dir
from fewshot_bench.data.pool import Progress, silent
from fewshot_bench.data.verifying import size_faults
from fewshot_bench.grid.cell_run import Listener
from fewshot_bench.grid.inline import run_cells
from fewshot_bench.grid.validation import check_parts
from fewshot_bench.training.plan import find_device
from fewshot_bench.training.replica import Moment


class RunJob(NamedTuple):
    """The arguments of an engine: cells that passed all checks, and how to compute them; see `run`."""

    cells: list[Cell]
    directory: Path
    data_dir: Path
    pools: Pools
    device: str
    plan: dict[str, Any]
    listener: Listener
    accept_code: bool


class Engine(NamedTuple):
    """The way to compute cells.

    run: computes the cells that are not done, tells the listener, and returns the ids of cells that are not done
    afterwards. It raises Interrupted if `listener.stop()` is true. here: whether it computes in this process, on this
    machine's device.
    """

    run: Callable[[RunJob], list[str]]
    here: bool


def _inline(job: RunJob) -> list[str]:
    return run_cells(job.cells, job.directory, job.pools, job.device, job.listener, job.plan, job.accept_code)


INLINE = Engine(_inline, here=True)
"""The engine that computes one cell after another in this process. grid.cluster.ray makes the engine for clusters."""


class RunOutcome(NamedTuple):
    """The outcome of a run.

    cells: the cells to compute, in order. undone: by id, the reason why a cell is not done.
    """

    cells: tuple[Cell, ...]
    undone: Mapping[str, str]


def _ignore_moment(cell: Cell, moment: Moment) -> None:
    pass


def _ignore_end(cell: Cell, status: str, reason: str) -> None:
    pass


SILENT = Listener(_ignore_moment, _ignore_end, lambda: False)
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
) -> RunOutcome:
    """Trains and evaluates the cells that are not done yet in a folder of results.

    Args:
        cells: from grid.expand. Cells that were replaced by `retry --set` are skipped, with a message.
        directory: the folder of results. It may hold cells of other grids.
        data_dir: folder of the data; None: $FEWSHOT_DATA, or else datasets/.
        device: "auto" or a torch device, for new cells; others resume where they began.
        engine: INLINE, or grid.cluster.ray(...).
        plan: fields of the plans of new cells (training/plan.py); other fields are chosen by measurement.
        listener: the callbacks of the run.
        accept_code: keep results and checkpoints made before the code that the cells name was changed.
        progress: called during the preparation of data.

    Raises:
        BenchError: before any work, if cells, code, data, device or folder do not allow the run.
        Interrupted: `listener.stop()` was true. The same call resumes the run.
    """
    cells, given = [cell for cell in cells if not _replaced(cell, directory, listener.say)], dict(plan or {})
    if not cells:
        return RunOutcome((), {})
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

    recording = listener._replace(ended=ended)
    left = engine.run(RunJob(cells, directory, data_dir, pools, device, given, recording, accept_code))
    return RunOutcome(tuple(cells), {name: undone.get(name, "") for name in left})


def open_pools(cells: Iterable[Cell], data_dir: Path, progress: Progress = silent) -> Pools:
    """The images of the cells' datasets; they are prepared if necessary.

    Raises DataError as `open_pool` does, and if an image is in two parts of a cell's split, or if a class has fewer
    images than a task takes of it.
    """
    cells = list(cells)
    pools: Pools = {}
    for cell in cells:
        if data_of(cell) not in pools:
            pools[data_of(cell)] = open_pool_of(cell, data_dir, progress)
    faults, checked = [], set()
    for cell in cells:
        pool = pools[data_of(cell)]
        tested = cell.shots + cell.test_queries
        trained = [("train", cell.train_shots + cell.training.queries)] if cell.training.iterations else []
        test = [("val", tested), ("test", tested)]
        if pool.tested_on is None:
            uses = [(dataset_of(cell), cell.split, pool, [*trained, *test])]
        else:
            uses = [
                (dataset_of(cell), cell.split, pool, trained),
                (test_dataset_of(cell), cell.test_split, pool.tested_on, test),
            ]
        for known, split_name, images, tasks in uses:
            if (key := (known.name, known.variant, split_name, *tasks)) not in checked:
                checked.add(key)
                faults += size_faults(known, split_of(known, split_name, images), images, tasks)
    if faults:
        raise GridError(list(dict.fromkeys(faults)), "the grid, found by counting images")
    return pools


def _replaced(cell: Cell, directory: Path, say: Callable[[str], None]) -> bool:
    """Whether another cell replaces this one. If so, the user is told."""
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
