"""Learned hyperparameters over training, as a cell's hyperparameters.parquet tells them."""

import re
from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd

from fewshot_bench.basics.errors import BenchError
from fewshot_bench.cells.reading import CellFolder
from fewshot_bench.report.parquet import read_parquet

FILE = "hyperparameters.parquet"
COLUMNS = ("iteration", "epoch", "inner_step", "parameter", "hyperparameter", "value")
KINDS = ("weight", "bias", "norm", "head")


class Trajectories(NamedTuple):
    """What a cell learned beside its weights.

    table: COLUMNS, where `epoch` is iteration / iterations_per_epoch, and inner_step is -1 for a value of all steps.
    parameters: the network's tensors in their own order, first layer first.
    """

    cell: CellFolder
    table: pd.DataFrame
    parameters: tuple[str, ...]


def read_trajectories(cell: CellFolder) -> Trajectories | None:
    """The cell's trajectories; None where nothing was learned (no file, no rows, or no meta-step).

    Raises BenchError, naming the cell, where the file or the configuration cannot be read.
    """
    path = cell.folder / FILE
    if not path.is_file():
        return None
    per_epoch = cell.config.get("training", {}).get("iterations_per_epoch")
    if not isinstance(per_epoch, int) or per_epoch < 1:
        raise BenchError(f"{cell.name}: config.toml does not say how many iterations an epoch has.")
    table = read_parquet(path, COLUMNS)
    try:
        table = table.astype({"iteration": "int64", "inner_step": "int64", "parameter": str, "hyperparameter": str})
        table["epoch"] = table["iteration"] / per_epoch
        table["value"].astype("float64")
    except (ValueError, TypeError) as error:
        raise BenchError(f"{cell.name}: {FILE} holds no numbers ({str(error).splitlines()[0]}).") from error
    return Trajectories(cell, table, tuple(table["parameter"].unique())) if table["iteration"].max() > 0 else None


def kinds(parameters: Sequence[str]) -> dict[str, str]:
    """One of KINDS for each parameter, judged by names alone: what a results folder knows of a network.

    head: the last module. norm: named so; or right after another module in a Sequential; or with a bias where
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
    parent, _, number = module.rpartition(".")
    if not number.isdecimal() or number == "0":
        return False
    before = ".".join(filter(None, (parent, str(int(number) - 1))))
    return before in modules and not _follows(before, modules)
