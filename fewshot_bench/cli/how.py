"""Options of the commands that compute cells, and how they do it: data, engine, device, plan."""

import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from fewshot_bench.basics.counting import counted
from fewshot_bench.basics.errors import BenchError
from fewshot_bench.cli.parsing import Unsaid

if TYPE_CHECKING:
    from fewshot_bench.cells.cell import Cell


@dataclass(frozen=True)
class How:
    """Where and how cells are computed."""

    data_dir: Unsaid[Path | None] = None
    """Folder of the data; $FEWSHOT_DATA or datasets/ where absent."""

    device: str = "auto"
    """"auto", "cpu", "cuda", "cuda:1", ... New cells are computed there; resumed ones where they began."""

    plan: Unsaid[str] = ""
    """How new cells are computed, as program=traced,workers=2; what is left open is measured (docs/performance.md)."""

    engine: Literal["inline", "ray"] = "inline"
    """inline: one cell after another, in this process. ray: many at once, on this machine or a cluster."""

    address: Unsaid[str | None] = None
    """With ray: a running cluster, "auto" for the one this machine is part of. Absent: this machine alone."""

    cpus_per_cell: float = 1.0
    """With ray: cores that a cell takes."""

    gpus_per_cell: float = 0.0
    """With ray: GPUs that a cell takes; 0.25 lets four cells share one."""

    accept_code: Unsaid[bool] = False
    """Keep results and checkpoints made before you changed your own code (what the grid names by import path)."""

    track: Unsaid[tuple[Literal["tensorboard", "wandb"], ...]] = ()
    """Where training curves go beside the folder of results; wandb stays offline."""


def compute(cells: "list[Cell]", directory: Path, how: How) -> int:
    """Runs cells in a folder of results, then prints its table; returns the exit status.

    Raises BenchError, before any work, for what cannot be.
    """
    from fewshot_bench.cells import folders
    from fewshot_bench.cells.code import accept_or_refuse
    from fewshot_bench.cli.live import Follower, following
    from fewshot_bench.cli.progress_bar import shown_progress
    from fewshot_bench.data.locations import default_data_dir
    from fewshot_bench.grid.checks import rehearse
    from fewshot_bench.grid.inline import run_cells
    from fewshot_bench.grid.pools import pools_of
    from fewshot_bench.report.collect import write_results_csv
    from fewshot_bench.report.plots import plot_new
    from fewshot_bench.report.summary import summary
    from fewshot_bench.training.plan import find_device, given
    from fewshot_bench.training.replica import Interrupted

    cells = [cell for cell in cells if not _skipped(cell, directory)]
    if not cells:
        print("No cell is left to run.", file=sys.stderr)
        return 0
    planned = given(how.plan)
    _check_engine(how)
    if accepted := accept_or_refuse(cells, directory, how.accept_code):
        print(
            f"--accept-code: results and checkpoints of {counted(len(accepted), 'cell')}, made before the code "
            "changed, are kept.",
            file=sys.stderr,
        )
    data_dir = how.data_dir or default_data_dir()
    device = find_device(how.device) if how.engine == "inline" else how.device
    rehearse(cells, directory, device if how.engine == "inline" else "cpu", planned)
    with shown_progress() as progress:
        pools = pools_of(cells, data_dir, progress)
    _check_writable(directory)
    folders.enroll(directory, cells)
    with ExitStack() as stack:
        follower = Follower(cells)
        stop = stack.enter_context(_stop_on_interrupt(follower.until))
        listener = stack.enter_context(following(follower, stop))
        for kind in how.track:
            from fewshot_bench.grid.tracking import tracked

            listener = stack.enter_context(tracked(listener, kind, directory))
        try:
            if how.engine == "inline":
                undone = run_cells(cells, directory, pools, device, listener, planned, how.accept_code)
            else:
                from fewshot_bench.grid import cluster
                from fewshot_bench.grid.ray_cluster import Share

                share = Share(how.cpus_per_cell, how.gpus_per_cell)
                undone = cluster.run_cells(
                    cells, directory, data_dir, device, listener, planned, share, how.address, how.accept_code
                )
        except Interrupted:
            print(f"interrupted; the same command goes on. So far: {write_results_csv(directory)}", file=sys.stderr)
            return 130
    try:
        drawn = [file for figure in plot_new(directory) for file in figure.files]
        summary(directory, sys.stdout)
    except KeyboardInterrupt:
        print(
            f"interrupted after the last cell: its results are saved. `fewshot-bench report {directory}` prints the "
            f"table, `fewshot-bench plot {directory}` draws the figures.",
            file=sys.stderr,
        )
        return 130
    if drawn:
        print(f"Figures of what was learned, and how: {counted(len(drawn), 'file')} in {drawn[0].parent}.")
    return 1 if undone else 0


def _skipped(cell: "Cell", directory: Path) -> bool:
    """Whether another cell stands for this one, which is then said."""
    from fewshot_bench.cells import folders

    said = folders.status(folders.folder_of(directory, cell))
    if said.get("status") != folders.SKIPPED:
        return False
    print(f"{cell.id} is passed over: {said.get('reason')}. Delete its folder to run it after all.", file=sys.stderr)
    return True


def _check_engine(how: How) -> None:
    """Raises BenchError for options that the engine has no use for, or cannot do without."""
    if how.engine == "inline" and how.address is not None:
        raise BenchError("--address is for --engine ray.")
    if how.engine == "ray" and how.device.startswith("cuda") and not how.gpus_per_cell:
        raise BenchError("--device cuda with --engine ray needs --gpus-per-cell, as in --gpus-per-cell 0.25.")
    if how.cpus_per_cell <= 0 or how.gpus_per_cell < 0:
        raise BenchError("a cell takes more than 0 CPUs, and at least 0 GPUs.")


def _check_writable(directory: Path) -> None:
    """Raises BenchError where no file can be made in `directory`."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            pass
    except OSError as error:
        raise BenchError(f"cannot write into {directory}: {error.strerror}. Choose another folder by --out.") from error


@contextmanager
def _stop_on_interrupt(until: Callable[[], str]) -> Iterator[Callable[[], bool]]:
    """The first Ctrl-C asks the run to stop at a point where little or no work is lost; a second one ends it at once.

    until: names that point, for the message.
    """
    asked: list[int] = []

    def ask(signum: int, frame: object) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(signum)
        print(f"\nstopping {until()}; Ctrl-C again ends at once", file=sys.stderr)

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield lambda: bool(asked)
    finally:
        signal.signal(signal.SIGINT, before)
