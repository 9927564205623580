"""Load a finished cell from its folder, in the state in which it was tested, with a plan for this machine."""

import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from fewshot_bench.basics.counting import counted, listed, was_or_were
from fewshot_bench.basics.errors import BenchError
from fewshot_bench.cells import folders
from fewshot_bench.cells.cell import Cell
from fewshot_bench.cells.code import changed, source_of_cell
from fewshot_bench.cells.config_file import from_table
from fewshot_bench.cells.contents import is_regression
from fewshot_bench.cells.folders import CHECKPOINTS, RESULT
from fewshot_bench.cells.reading import CellFolder, read_cell
from fewshot_bench.grid.files import make_importable
from fewshot_bench.learners.base import Learner, Meta, Parts, Stage
from fewshot_bench.training import checkpoint
from fewshot_bench.training.assembly import learner_and_parts
from fewshot_bench.training.meta_step import TrainingState, begin, restore, stage
from fewshot_bench.training.plan import Plan, as_planned, find_device, recorded_plan
from fewshot_bench.training.programs import workers
from fewshot_bench.training.records import best_epochs
from fewshot_bench.training.replica import member

AT_ONCE = 32  # tasks in one program, on a GPU that the cell was not computed on


@dataclass(frozen=True, repr=False)
class TrainedCell:
    """A finished cell, with all that its test used.

    Attributes:
        folder: The cell's folder.
        cell: Its configuration.
        plan: How it is computed here: device, threads, precision.
        learner: The learner.
        parts: The network as a pure function, and the inner optimizer.
        stage: The state at the end of training: the meta-optimizer's statistics, inner steps, epoch.
        members: Meta-parameters of the epochs whose logits the test averages, best epoch first.
        files: The checkpoints that were read, those of `members` and of the last meta-step. Names hold hashes.
        result: The content of result.json.
        changed: Files of your own code that were edited after the cell was computed. If there are any, `result` is
            that of the old code.
    """

    folder: Path
    cell: Cell
    plan: Plan
    learner: Learner
    parts: Parts
    stage: Stage
    members: tuple[Meta, ...]
    files: tuple[str, ...]
    result: Mapping[str, Any]
    changed: tuple[str, ...] = ()

    def __repr__(self) -> str:
        score, half = (self.result[key] for key in ("test_accuracy", "test_ci95"))
        test = f"test accuracy {100 * score:.2f} ± {100 * half:.2f} %"
        if is_regression(self.result["fingerprint"]):
            test = f"test squared error {-score:.3g} ± {half:.2g}"
        since = f"; {self.doubt}" if self.changed else ""
        return f"{self.cell.id}: {test}, ensemble of {len(self.members)}{since}"

    @property
    def doubt(self) -> str:
        """A clause that says which code was edited since; empty if none was."""
        names = f"{listed(self.changed)} {was_or_were(self.changed)}"
        return f"{names} changed since, so what is computed now may differ from {RESULT}" if self.changed else ""


def load_cell(folder: str | Path, *, device: str | None = None) -> TrainedCell:
    """Load a finished cell.

    No images are needed. Nothing is unpickled, and every file that is read is checked by its hash. A warning says if
    your own code, which the cell names by import path, was edited since.

    Args:
        folder: The cell's folder, results/GRID/cells/CELL.
        device: The torch device to compute on. None: the device of the cell's own plan, which reproduces its test bit
            for bit. If this machine has no such device, another is used, and numbers differ by rounding.

    Returns:
        The cell with its meta-parameters, configuration, plan and result.

    Raises:
        BenchError: If the cell is not done, was renamed or edited, or if a checkpoint is missing or damaged.

    Examples:
        >>> cell = load_cell(folders[0])
        >>> cell.cell.dataset, cell.cell.ways, cell.cell.learner
        ('glyphs', 3, 'maml++')
    """
    trained = loaded(folder, device=device)
    if trained.changed:
        warnings.warn(f"{trained.cell.id}: {trained.doubt}.", stacklevel=2)
    return trained


def loaded(folder: str | Path, *, device: str | None = None) -> TrainedCell:
    """`load_cell` without the warning."""
    path = Path(folder).resolve()
    found = _on_disk(path)
    if found.status != "done":
        why = f": {found.reason}" if found.reason else ""
        raise BenchError(f"{path.name} is {found.status}{why}. Only a finished cell can be loaded.")
    make_importable(Path.cwd())
    try:
        cell = from_table(dict(found.identity))
    except (ValueError, TypeError) as error:
        raise BenchError(f"{path / folders.CONFIG} is not a cell's configuration: {error}.") from error
    result = json.loads((path / RESULT).read_text(encoding="utf-8"))
    plan = plan_here(recorded_plan(folders.status(path)), device)
    try:
        with as_planned(plan):
            restored = _restored(path, cell, plan, result)
        return replace(restored, changed=tuple(changed(found.status_file, source_of_cell(cell), done=True)))
    except BenchError:
        raise
    except Exception as error:  # a user's module may have changed since
        what = f"{type(error).__name__}: {error}".splitlines()[0]
        raise BenchError(f"{cell.id} cannot be made again ({what}). Has what it names changed since?") from error


def _restored(path: Path, cell: Cell, plan: Plan, result: Mapping[str, Any]) -> TrainedCell:
    """The cell in its state at the end of training."""
    learner, parts = learner_and_parts(cell, plan)
    state = begin(learner, parts, cell.training.inner_steps, plan.device)
    files = [*_last_step(path, cell, state, result), *_epochs(path, cell, state, result)]
    members = tuple(member(state, path, file) for file in files if file.startswith("epoch-"))
    now = stage(state, cell.test_steps, cell.training.iterations_per_epoch)
    return TrainedCell(path, cell, plan, learner, parts, now, members, tuple(files), result)


def _on_disk(path: Path) -> CellFolder:
    """The cell at a path, in any state. Raises BenchError if there is none."""
    found = read_cell(path) if path.is_dir() else None
    if found is not None:
        return found
    below = sorted(entry.name for entry in (path / folders.CELLS).glob("*-*")) if path.is_dir() else []
    if below:
        cells = counted(len(below), "cell")
        raise BenchError(f"{path} is a folder of {cells}. Give one of them, as {path / folders.CELLS / below[0]}.")
    what = "holds no cell" if path.is_dir() else "is not there"
    raise BenchError(f"{path} {what}. Give a cell's own folder, results/<grid>/cells/<cell>.")


def _last_step(path: Path, cell: Cell, state: TrainingState, result: Mapping[str, Any]) -> list[str]:
    """Restore `state` to the last meta-step. Returns the name of its checkpoint; an untrained cell has none."""
    if cell.training.iterations == 0:
        return []
    file = _named(path, "step", cell.training.iterations)
    found = checkpoint.read_or_raise(path / CHECKPOINTS / file)
    epochs = [{key: value for key, value in record.items() if key != "file"} for record in found.facts["epochs"]]
    if epochs != result["epochs"]:
        raise BenchError(f"{path / CHECKPOINTS / file} is of another training than {RESULT}. Run its grid anew.")
    restore(state, found.tensors, found.facts["iteration"], found.facts["epochs"])
    return [file]


def _epochs(path: Path, cell: Cell, state: TrainingState, result: Mapping[str, Any]) -> list[str]:
    """The checkpoints of the epochs that the test averages, best epoch first."""
    if not state.epochs:
        return [_named(path, "epoch", epoch) for epoch in result["ensemble_epochs"]]
    return [str(record["file"]) for record in best_epochs(state.epochs, cell.evaluation.ensemble)]


def _named(path: Path, kind: str, number: int) -> str:
    """The name of the cell's undamaged checkpoint. Raises BenchError if there is none."""
    there = sorted((path / CHECKPOINTS).glob(f"{kind}-{number:08d}-*.safetensors"), reverse=True)
    sound = next((file.name for file in there if checkpoint.read(file) is not None), None)
    if sound is not None:
        return sound
    if there:
        raise BenchError(f"{there[0]} is torn or was changed: its content is not what its name says.")
    raise BenchError(
        f"{path.name} has a result, but its checkpoints are not there ({kind} {number}). Train it anew to have them."
    )


def plan_here(kept: Plan | None, device: str | None) -> Plan:
    """The plan to compute a finished cell by: its own, or one for another device.

    kept: the cell's own plan; None if unknown. device: the requested device; None: the cell's own if this machine has
    it, else another.
    """
    if kept is not None and (device in (None, kept.device)) and _exists(kept.device):
        return kept._replace(workers=kept.workers if workers.CAN_FORK else 1)
    found, cores = find_device(device or "auto"), torch.get_num_threads()
    traced = kept is not None and kept.program != "eager"  # a cell that was never traced may not be traceable
    if found != "cpu":
        plan = Plan(found, cores, AT_ONCE, "traced" if traced else "eager")
    elif traced:
        plan = Plan(found, 1, 1, "traced", cores if workers.CAN_FORK else 1)
    else:
        plan = Plan(found, cores, 1)
    return plan if kept is None else plan._replace(precision=kept.precision)


def _exists(device: str) -> bool:
    try:
        find_device(device)
    except BenchError:
        return False
    return True
