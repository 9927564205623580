"""`fewshot-bench run`: a grid from its file to its table."""

import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from fewshot_bench.basics.errors import BenchError


@dataclass(frozen=True)
class Run:
    """Train and evaluate every cell of a grid, then print its table. The same command again does only what is missing.

    Example: fewshot-bench run gimli-omniglot --seed 0 --set training.iterations=300 --dry-run
    """

    grid: Annotated[str, tyro.conf.Positional] = "quick"
    """A grid file (TOML), or the name of a preset."""

    out: Path | None = None
    """Folder of the results; results/<name of the grid> where absent. It may hold cells of other grids."""

    data_dir: Path | None = None
    """Folder of the data; $FEWSHOT_DATA or datasets/ where absent."""

    seed: tuple[int, ...] = ()
    """Seeds in place of the grid's."""

    device: str = "auto"
    """"auto", "cpu", "cuda", "cuda:1", ... New cells are computed there; resumed ones where they began."""

    plan: str = ""
    """How new cells are computed, as program=traced,workers=2; what is left open is measured (docs/performance.md)."""

    set: tyro.conf.UseAppendAction[Annotated[tuple[str, ...], tyro.conf.arg(metavar="SECTION.KEY=VALUE")]] = ()
    """Changes to the grid, as in training.iterations=50; as many as you like, after one --set or several."""

    dry_run: bool = False
    """Print a line a cell and write nothing."""


def command(arguments: list[str]) -> int:
    """Runs the command; returns the exit status."""
    options = tyro.cli(Run, args=_a_flag_each(arguments), prog="fewshot-bench run")
    # torch takes seconds to load: only now that the options are known to be good.
    from fewshot_bench.cli.live import following
    from fewshot_bench.cli.progress_bar import shown_progress
    from fewshot_bench.data.datasets import open_pool
    from fewshot_bench.data.duplicates import check_images
    from fewshot_bench.data.locations import default_data_dir
    from fewshot_bench.data.splits import read_split
    from fewshot_bench.grid import ledger
    from fewshot_bench.grid.expand import expand
    from fewshot_bench.grid.files import read, with_changes
    from fewshot_bench.grid.inline import run_cells
    from fewshot_bench.report.collect import write_results_csv
    from fewshot_bench.report.plots import plot
    from fewshot_bench.report.summary import summary
    from fewshot_bench.training.cell import Interrupted
    from fewshot_bench.training.plan import find_device, given

    grid = with_changes(read(options.grid), options.set, options.seed)
    cells = expand(grid)
    directory = options.out or Path("results") / grid.name
    if options.dry_run:
        for cell in cells:
            state = ledger.status(ledger.folder_of(directory, cell)).get("status", "new")
            print(f"{state:8} {cell.id}")
        count = "1 cell" if len(cells) == 1 else f"{len(cells)} cells"
        print(f"{count}; nothing was written", file=sys.stderr)
        return 0
    device, planned = find_device(options.device), given(options.plan)
    data_dir = options.data_dir or default_data_dir()
    with shown_progress() as progress:
        pools = {name: open_pool(name, data_dir, progress) for name in dict.fromkeys(cell.dataset for cell in cells)}
    for dataset, split in dict.fromkeys((cell.dataset, cell.split) for cell in cells):
        check_images(dataset, read_split(dataset, split), pools[dataset])
    _check_writable(directory)
    ledger.enroll(directory, cells)
    with _stop_on_interrupt() as stop, following(cells, stop) as listener:
        try:
            undone = run_cells(cells, directory, pools, device, listener, planned)
        except Interrupted:
            print(f"interrupted; the same command goes on. So far: {write_results_csv(directory)}", file=sys.stderr)
            return 130
    drawn = [file for figure in plot(directory) for file in figure.files]
    summary(directory, sys.stdout)
    if drawn:
        print(f"Figures of what was learned, and how: {len(drawn)} files in {drawn[0].parent}.")
    return 1 if undone else 0


def _a_flag_each(arguments: list[str]) -> list[str]:
    """`--set a=1 b=2` as `--set a=1 --set b=2`."""
    spread: list[str] = []
    within = False
    for word in arguments:
        if within and "=" in word and not word.startswith("-") and spread[-1] != "--set":
            spread.append("--set")
        within = word == "--set" or (within and "=" in word)
        spread.append(word)
    return spread


def _check_writable(directory: Path) -> None:
    """Raises BenchError where no file can be made in `directory`."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            pass
    except OSError as error:
        raise BenchError(f"cannot write into {directory}: {error.strerror}. Choose another folder by --out.") from error


@contextmanager
def _stop_on_interrupt() -> Iterator[Callable[[], bool]]:
    """Ctrl-C lets the meta-step finish and be saved; a second one ends at once."""
    asked: list[int] = []

    def ask(signum: int, frame: object) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(signum)
        print("\nstopping after this meta-step; Ctrl-C again ends at once", file=sys.stderr)

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield lambda: bool(asked)
    finally:
        signal.signal(signal.SIGINT, before)
