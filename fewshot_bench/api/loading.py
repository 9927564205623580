"""A finished cell, loaded back from its folder as its test had it."""

import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fewshot_bench.api.replanning import plan_here
from fewshot_bench.basics.counting import counted, listed, was_or_were
from fewshot_bench.basics.errors import BenchError
from fewshot_bench.cells import folders
from fewshot_bench.cells.cell import Cell
from fewshot_bench.cells.code import changed, source_of_cell
from fewshot_bench.cells.config_file import from_table
from fewshot_bench.cells.folders import CHECKPOINTS, RESULT
from fewshot_bench.cells.reading import CellFolder, read_cell
from fewshot_bench.grid.files import make_importable
from fewshot_bench.learners.base import Learner, Meta, Parts, Stage
from fewshot_bench.training import checkpoint
from fewshot_bench.training.assembly import learner_and_parts
from fewshot_bench.training.meta_step import TrainingState, begin, restore, stage
from fewshot_bench.training.plan import Plan, as_planned, recorded
from fewshot_bench.training.records import best_epochs
from fewshot_bench.training.replica import member


@dataclass(frozen=True, repr=False)
class TrainedCell:
    """What a cell's test was taken with.

    members: meta-parameters of the epochs that it averages, best first; files: the checkpoints they came from, whose
    names hold their hashes, and that of the last meta-step; stage: what training had come to; result: result.json.
    changed: files of one's own code that were changed after the cell was computed, so `result` is the old code's.
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
        accuracy, half = (100 * self.result[key] for key in ("test_accuracy", "test_ci95"))
        since = f"; {self.doubt}" if self.changed else ""
        return f"{self.cell.id}: test accuracy {accuracy:.2f} ± {half:.2f} %, ensemble of {len(self.members)}{since}"

    @property
    def doubt(self) -> str:
        """A clause that says that its code was changed; empty if it was not."""
        names = f"{listed(self.changed)} {was_or_were(self.changed)}"
        return f"{names} changed since, so what is computed now may differ from {RESULT}" if self.changed else ""


def load_cell(folder: str | Path, *, device: str | None = None) -> TrainedCell:
    """The finished cell in `folder`. Needs no images; nothing is unpickled, and every file is checked by its hash.

    Warns if code that the cell names by import path was changed since.

    device: where to compute; absent: as the cell's own plan has it, which gives the bits of its test, or elsewhere
    where this machine has no such device, within float error. Raises BenchError where the cell is not done, was
    renamed or changed, or a checkpoint is gone or torn.
    """
    trained = loaded(folder, device=device)
    if trained.changed:
        warnings.warn(f"{trained.cell.id}: {trained.doubt}.", stacklevel=2)
    return trained


def loaded(folder: str | Path, *, device: str | None = None) -> TrainedCell:
    """As load_cell, without the warning."""
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
    plan = plan_here(recorded(folders.status(path)), device)
    try:
        with as_planned(plan):
            made = _made(path, cell, plan, result)
        return replace(made, changed=tuple(changed(found.said, source_of_cell(cell), done=True)))
    except BenchError:
        raise
    except Exception as error:  # somebody's module may have become another since
        what = f"{type(error).__name__}: {error}".splitlines()[0]
        raise BenchError(f"{cell.id} cannot be made again ({what}). Has what it names changed since?") from error


def _made(path: Path, cell: Cell, plan: Plan, result: Mapping[str, Any]) -> TrainedCell:
    """The cell as it was when its training had ended."""
    learner, parts = learner_and_parts(cell, plan)
    state = begin(learner, parts, cell.training.inner_steps, plan.device)
    files = [*_last_step(path, cell, state, result), *_epochs(path, cell, state, result)]
    members = tuple(member(state, path, file) for file in files if file.startswith("epoch-"))
    now = stage(state, cell.test_steps, cell.training.iterations_per_epoch)
    return TrainedCell(path, cell, plan, learner, parts, now, members, tuple(files), result)


def _on_disk(path: Path) -> CellFolder:
    """The cell at a path, whatever its state. Raises BenchError where there is none."""
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
    """Brings `state` to the last meta-step; the name of its checkpoint. An untrained cell has none."""
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
    """The files of the epochs that the test averages, best first."""
    if not state.epochs:
        return [_named(path, "epoch", epoch) for epoch in result["ensemble_epochs"]]
    return [str(record["file"]) for record in best_epochs(state.epochs, cell.evaluation.ensemble)]


def _named(path: Path, kind: str, number: int) -> str:
    """The name of a cell's sound checkpoint. Raises BenchError where there is none."""
    there = sorted((path / CHECKPOINTS).glob(f"{kind}-{number:08d}-*.safetensors"), reverse=True)
    sound = next((file.name for file in there if checkpoint.read(file) is not None), None)
    if sound is not None:
        return sound
    if there:
        raise BenchError(f"{there[0]} is torn or was changed: its content is not what its name says.")
    raise BenchError(
        f"{path.name} has a result, but its checkpoints are not there ({kind} {number}). Train it anew to have them."
    )
