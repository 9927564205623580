"""What a cell recorded of its training, read without trust: validations, metrics, learned hyperparameters."""

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from fewshot_bench.basics.errors import BenchError
from fewshot_bench.cells.contents import number, whole
from fewshot_bench.cells.folders import HYPERPARAMETERS, METRICS, RESULT
from fewshot_bench.cells.reading import CellFolder

COLUMNS = ("iteration", "epoch", "inner_step", "parameter", "hyperparameter", "value")
KINDS = ("weight", "bias", "norm", "head")


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turns any error in the block into a BenchError that names the cell and says that the file cannot be read."""
    try:
        yield
    except Exception as error:  # what pyarrow raises on a torn file has no common type
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BenchError(f"{path.parent.name}: {path.name} cannot be read ({why}).") from error


def validations(cell: CellFolder) -> dict[int, float]:
    """Validation accuracy, a fraction, by meta-step, as a finished cell's result.json has it; {} if it has none.

    The numbers are those of metrics.jsonl, which has a line a meta-step beside them and may be a thousand times longer.
    """
    try:
        content = json.loads((cell.folder / RESULT).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    epochs = content.get("epochs") if isinstance(content, dict) else None
    found: dict[int, float] = {}
    for epoch in epochs if isinstance(epochs, list) else []:
        pair = (whole(epoch.get("iteration")), number(epoch.get("val_accuracy"))) if isinstance(epoch, dict) else ()
        if len(pair) == 2 and pair[0] is not None and pair[1] is not None:
            found[pair[0]] = pair[1]
    return dict(sorted(found.items()))


def metrics(cell: CellFolder) -> list[dict[str, Any]]:
    """The lines of metrics.jsonl; none if there is no such file. Raises BenchError if it cannot be read."""
    path = cell.folder / METRICS
    if not path.is_file():
        return []
    try:
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError) as error:
        raise BenchError(f"{cell.name}: {METRICS} cannot be read ({error}).") from error


class Trajectories(NamedTuple):
    """What a cell learned beside its weights.

    table: COLUMNS, where `epoch` is iteration / iterations_per_epoch, and inner_step is -1 for a value of all steps.
    parameters: the network's tensors in their own order, first layer first.
    """

    cell: CellFolder
    table: pd.DataFrame
    parameters: tuple[str, ...]


def read_trajectories(cell: CellFolder) -> Trajectories | None:
    """The cell's trajectories; None if nothing was learned (no file, no rows, or no meta-step).

    Raises BenchError, naming the cell, if the file or the configuration cannot be read.
    """
    path = cell.folder / HYPERPARAMETERS
    if not path.is_file():
        return None
    per_epoch = cell.config.get("training", {}).get("iterations_per_epoch")
    if not isinstance(per_epoch, int) or per_epoch < 1:
        raise BenchError(f"{cell.name}: config.toml does not say how many iterations an epoch has.")
    with reading(path):
        table = pd.read_parquet(path, columns=list(COLUMNS))
    try:
        table = table.astype({"iteration": "int64", "inner_step": "int64", "parameter": str, "hyperparameter": str})
        table["epoch"] = table["iteration"] / per_epoch
        table["value"].astype("float64")
    except (ValueError, TypeError) as error:
        raise BenchError(f"{cell.name}: {path.name} holds no numbers ({str(error).splitlines()[0]}).") from error
    return Trajectories(cell, table, tuple(table["parameter"].unique())) if table["iteration"].max() > 0 else None


def kinds(parameters: Sequence[str]) -> dict[str, str]:
    """One of KINDS for each parameter, judged by names alone: what a results folder knows of a network.

    head: the last module. norm: named so; or right after another module in a Sequential; or with a bias while
    convolutions have none. The rest are weights and biases of layers.
    """
    modules = list(dict.fromkeys(name.rpartition(".")[0] for name in parameters))
    biased = {module for module in modules if f"{module}.bias" in parameters}
    bare = set(modules) - biased
    out = {}
    for name in parameters:
        module, _, tensor = name.rpartition(".")
        named = re.search(r"norm|bn\d*$", module, re.IGNORECASE)
        if module == modules[-1]:
            out[name] = "head"
        elif named or _follows(module, modules) or (bare and module in biased):
            out[name] = "norm"
        else:
            out[name] = "bias" if tensor == "bias" else "weight"
    return out


def _follows(module: str, modules: Sequence[str]) -> bool:
    """Whether `module` is number i + 1 of a Sequential whose number i has parameters of its own, and is no norm."""
    parent, _, place = module.rpartition(".")
    if not place.isdecimal() or place == "0":
        return False
    before = ".".join(filter(None, (parent, str(int(place) - 1))))
    return before in modules and not _follows(before, modules)
