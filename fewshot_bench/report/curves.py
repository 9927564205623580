"""How a cell learned: metrics.jsonl as a table of training, thinned to what can be seen, and one of validation."""

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

import pandas as pd

from fewshot_bench.basics.errors import BenchError
from fewshot_bench.cells.reading import CellFolder
from fewshot_bench.report.groups import grouped
from fewshot_bench.report.paired import twin_of, untrained_of

METRICS = "metrics.jsonl"
POINTS = 100  # of a training curve; each is the mean over a block of meta-steps


class Curve(NamedTuple):
    """training: one row a block of meta-steps: the last `iteration` of it, and means of every metric over it.

    validation: iteration, val_accuracy, val_loss. untrained: the validation accuracy of the same cell at 0 meta-steps,
    where the folder holds it. Accuracies are fractions.
    """

    cell: CellFolder
    training: pd.DataFrame
    validation: pd.DataFrame
    untrained: float | None


class Pair(NamedTuple):
    """A trained cell, and the same network of the same seed untrained, where the folder holds it."""

    cell: CellFolder
    twin: CellFolder | None


def curves(cells: Iterable[CellFolder]) -> list[Curve]:
    """A curve for each done cell that was trained and whose metrics are there."""
    return [curve for pair in pairs(cells) if (curve := read_curve(pair))]


def pairs(cells: Iterable[CellFolder]) -> list[Pair]:
    """The done cells that were trained, each with its twin; reads nothing more of them."""
    groups = grouped([cell for cell in cells if cell.status == "done" and cell.test == "test"])
    untrained = untrained_of(groups)
    found = []
    for group in groups:
        twin, _ = twin_of(group, untrained) if group.iterations else (None, [])
        by_seed = {cell.seed: cell for cell in twin.cells} if twin else {}
        found += [Pair(cell, by_seed.get(cell.seed)) for cell in group.cells if group.iterations]
    return found


def read_curve(pair: Pair) -> Curve | None:
    """The curve, None where there are no metrics. Raises BenchError where they cannot be read."""
    rows = _rows(pair.cell)
    untrained = float(pair.twin.result["val_accuracy"]) if pair.twin else None
    return Curve(pair.cell, _blocks(rows), _validated(rows), untrained) if rows else None


def _rows(cell: CellFolder) -> list[dict[str, Any]]:
    path = cell.folder / METRICS
    if not path.is_file():
        return []
    try:
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError) as error:
        raise BenchError(f"{cell.name}: metrics.jsonl cannot be read ({error}).") from error


def _blocks(rows: list[dict[str, Any]]) -> pd.DataFrame:
    table = pd.DataFrame([row for row in rows if "loss" in row]).drop(columns="epoch")
    size = max(1, -(-len(table) // POINTS))
    blocks = table.groupby((table["iteration"] - 1) // size)
    means = blocks.mean()
    means["iteration"] = blocks["iteration"].max()
    return means.reset_index(drop=True)


def _validated(rows: list[dict[str, Any]]) -> pd.DataFrame:
    table = pd.DataFrame([row for row in rows if "val_accuracy" in row])
    return table[["iteration", "val_accuracy", "val_loss"]] if len(table) else pd.DataFrame(columns=["iteration"])
