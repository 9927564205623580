"""Where a run may be drawn while it comes: TensorBoard's event files, and wandb's offline runs."""

import importlib
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from fewshot_bench.basics.errors import BenchError
from fewshot_bench.cells import folders
from fewshot_bench.cells.cell import Cell
from fewshot_bench.cells.config_file import to_table


class Track(NamedTuple):
    """One cell's run in a tracker. log(values by name, meta-step); close(status, reason) when the cell ends."""

    log: Callable[[dict[str, float], int], None]
    close: Callable[[str, str], None]


Open = Callable[[Cell, int], Track]
"""(cell, meta-steps done) -> its run."""


def _tensorboard(folder: Path, stack: ExitStack) -> Open:
    """One folder of event files a cell: `tensorboard --logdir <results>/tensorboard`."""
    make: Any = _imported("tensorboard", "torch.utils.tensorboard").SummaryWriter

    def start(cell: Cell, done: int) -> Track:
        writer = make(str(folder / cell.id), purge_step=done + 1)  # what came after where it goes on is drawn anew

        def log(values: dict[str, float], step: int) -> None:
            for name, value in values.items():
                writer.add_scalar(name, value, step)

        def close(status: str, reason: str) -> None:
            writer.add_text("status", f"{status}: {reason}" if reason else status)
            writer.close()

        return Track(log, close)

    return start


def _wandb(folder: Path, stack: ExitStack) -> Open:
    """One offline run a cell; nothing is sent, nor asked of anybody."""
    stack.enter_context(_environment(**QUIET))
    wandb = _imported("wandb", "wandb")
    folder.mkdir(parents=True, exist_ok=True)

    def start(cell: Cell, done: int) -> Track:
        run = wandb.init(
            project="fewshot-bench",
            name=cell.id,
            group=f"{cell.learner} {cell.backbone} {cell.inner_optimizer}",
            config=to_table(cell),
            dir=str(folder.parent),  # it makes a folder of its own name there
            mode="offline",
            reinit="create_new",
        )

        def log(values: dict[str, float], step: int) -> None:
            run.log({**values, "meta_step": step})  # as a value: a step that is not newer would be left out

        def close(status: str, reason: str) -> None:
            run.summary.update({"status": status, "reason": reason})
            run.finish(exit_code=0 if status == folders.DONE else 1)

        run.define_metric("meta_step")
        run.define_metric("*", step_metric="meta_step")
        return Track(log, close)

    return start


TRACKERS: dict[str, Callable[[Path, ExitStack], Open]] = {"tensorboard": _tensorboard, "wandb": _wandb}
"""Kind -> (folder, what to leave at the end) -> how a cell's run is opened."""


def _imported(package: str, module: str) -> Any:
    """The module. Raises BenchError where the extra is not installed."""
    try:
        importlib.import_module(package)
        return importlib.import_module(module)
    except ImportError as error:
        raise BenchError(
            f"--track {package} needs {package} ({error}): `uv sync --extra track`, or "
            "`pip install 'fewshot-bench[track]'`."
        ) from error


QUIET = {
    "WANDB_MODE": "offline",
    "WANDB_ERROR_REPORTING": "false",
    "WANDB_SILENT": "true",
    "WANDB_CONSOLE": "off",
    "WANDB_DISABLE_GIT": "true",
    "WANDB_DISABLE_CODE": "true",
}
"""What wandb is told for the time of a run: to stay on this machine, to say nothing, and to copy no source."""


@contextmanager
def _environment(**values: str) -> Iterator[None]:
    """Variables that are set while the block lasts."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
