"""The options of commands that compute cells (data, engine, device, plan), and the run that they describe."""

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from fewshot_bench.basics.counting import counted
from fewshot_bench.basics.errors import BenchError
from fewshot_bench.cli.parsing import HiddenDefault

if TYPE_CHECKING:
    from fewshot_bench.cells.cell import Cell
    from fewshot_bench.grid.run import Engine


@dataclass(frozen=True)
class Computing:
    """Where and how cells are computed."""

    data_dir: HiddenDefault[Path | None] = None
    """Folder of the data; $FEWSHOT_DATA or datasets/ where absent."""

    device: str = "auto"
    """"auto", "cpu", "cuda", "cuda:1", ... New cells are computed there; resumed ones where they began."""

    plan: HiddenDefault[str] = ""
    """How new cells are computed, as program=traced,workers=2; what is left open is measured (docs/performance.md)."""

    engine: Literal["inline", "ray"] = "inline"
    """inline: one cell after another, in this process. ray: many at once, on this machine or a cluster."""

    address: HiddenDefault[str | None] = None
    """With ray: a running cluster, "auto" for the one this machine is part of. Absent: this machine alone."""

    cpus_per_cell: float = 1.0
    """With ray: cores that a cell takes."""

    gpus_per_cell: float = 0.0
    """With ray: GPUs that a cell takes; 0.25 lets four cells share one."""

    accept_code: HiddenDefault[bool] = False
    """Keep results and checkpoints made before you changed your own code (what the grid names by import path)."""

    track: HiddenDefault[tuple[Literal["tensorboard", "wandb"], ...]] = ()
    """Where training curves go beside the folder of results; wandb stays offline."""


def compute(cells: "list[Cell]", directory: Path, options: Computing) -> int:
    """Runs cells in a folder of results, then prints its table; returns the exit status.

    Raises BenchError, before any work, if cells, code, data, device or folder do not allow the run.
    """
    from fewshot_bench.cli.live import RunState, live_listener
    from fewshot_bench.grid.run import run
    from fewshot_bench.report.results_csv import write_results_csv
    from fewshot_bench.training.plan import parse_plan
    from fewshot_bench.training.replica import Interrupted

    engine = _engine(options)
    with ExitStack() as stack:
        view = RunState(cells)
        stop = stack.enter_context(_stop_on_interrupt(view.stopping_point))
        listener, progress = stack.enter_context(live_listener(view, stop))
        for kind in options.track:
            from fewshot_bench.grid.tracking import tracked

            listener = stack.enter_context(tracked(listener, kind, directory))
        try:
            outcome = run(
                cells,
                directory,
                data_dir=options.data_dir,
                device=options.device,
                engine=engine,
                plan=parse_plan(options.plan),
                listener=listener,
                accept_code=options.accept_code,
                progress=progress,
            )
        except Interrupted:
            print(f"interrupted; the same command goes on. So far: {write_results_csv(directory)}", file=sys.stderr)
            return 130
    if not outcome.cells:
        print("No cell is left to run.", file=sys.stderr)
        return 0
    return _show(directory) or (1 if outcome.undone else 0)


def _show(directory: Path) -> int:
    """Draws the figures and prints the table of a folder; returns 130 if that was interrupted."""
    from fewshot_bench.cells.reading import read_cells
    from fewshot_bench.report.plots import plot_new
    from fewshot_bench.report.results import results_of
    from fewshot_bench.report.tables import summary

    try:
        read = read_cells(directory)
        drawn = [file for figure in plot_new(directory, read) for file in figure.files]
        summary(directory, results_of(read), sys.stdout)
    except KeyboardInterrupt:
        print(
            f"interrupted after the last cell: its results are saved. `fewshot-bench report {directory}` prints the "
            f"table, `fewshot-bench plot {directory}` draws the figures.",
            file=sys.stderr,
        )
        return 130
    if drawn:
        print(f"Figures of what was learned, and how: {counted(len(drawn), 'file')} in {drawn[0].parent}.")
    return 0


def _engine(options: Computing) -> "Engine":
    """The engine that the options name. Raises BenchError for options that it does not have."""
    from fewshot_bench.grid.run import INLINE

    if options.cpus_per_cell <= 0 or options.gpus_per_cell < 0:
        raise BenchError("a cell takes more than 0 CPUs, and at least 0 GPUs.")
    if options.engine == "inline":
        if options.address is not None:
            raise BenchError("--address is for --engine ray.")
        return INLINE
    from fewshot_bench.grid.cluster import ray
    from fewshot_bench.grid.ray_cluster import Share

    if options.device.startswith("cuda") and not options.gpus_per_cell:
        raise BenchError("--device cuda with --engine ray needs --gpus-per-cell, as in --gpus-per-cell 0.25.")
    return ray(Share(options.cpus_per_cell, options.gpus_per_cell), options.address)


@contextmanager
def _stop_on_interrupt(stopping_point: Callable[[], str]) -> Iterator[Callable[[], bool]]:
    """Within the block, the first Ctrl-C stops the run at a point where little work is lost, and a second one at once.

    Yields a function that returns whether to stop. stopping_point: returns that point, for the message.
    """
    signals: list[int] = []

    def ask(signum: int, frame: object) -> None:
        if signals:
            raise KeyboardInterrupt
        signals.append(signum)
        print(f"\nstopping {stopping_point()}; Ctrl-C again ends at once", file=sys.stderr)

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield lambda: bool(signals)
    finally:
        signal.signal(signal.SIGINT, before)
