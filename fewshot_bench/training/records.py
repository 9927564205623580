"""Records of a cell: metrics by meta-step, learned hyperparameters, accuracies by task, and the result.

They are on disk before the checkpoint that follows. A resumed run cuts them back to its checkpoint.
"""

import json
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow.parquet import ParquetWriter

from fewshot_bench.basics.errors import BenchError
from fewshot_bench.basics.files import cannot_write, replacing, write_text
from fewshot_bench.cells.folders import EPISODES, HYPERPARAMETERS, METRICS
from fewshot_bench.learners.base import WEIGHTS, select
from fewshot_bench.training.assembly import Assembly
from fewshot_bench.training.evaluation import Scores, half_width_95
from fewshot_bench.training.meta_step import TrainingState

_COLUMNS = {
    HYPERPARAMETERS: {
        "iteration": "int64",
        "epoch": "int64",
        "inner_step": "int64",  # -1: equal at all steps
        "parameter": "str",
        "hyperparameter": "str",
        "value": "float32",
    },
    EPISODES: {"split": "str", "iteration": "int64", "task": "int64", "accuracy": "float64", "loss": "float64"},
}


class Records:
    """Three files in a cell's folder: metrics.jsonl, hyperparameters.parquet and episodes.parquet.

    They are opened as they were after meta-step `iteration`; later entries are dropped. iteration: None for a new cell,
    which drops all entries.
    """

    def __init__(self, folder: Path, iteration: int | None) -> None:
        self._folder = folder
        self._lines = _lines_until(folder / METRICS, iteration)
        self._tables = {name: [_rows_until(folder / name, iteration)] for name in _COLUMNS}
        self._changed = set(_COLUMNS)
        write_text(folder / METRICS, "".join(self._lines))
        self._lines.clear()

    def metrics(self, **values: Any) -> None:
        """Adds one line to metrics.jsonl."""
        self._lines.append(json.dumps(values) + "\n")

    def hyperparameters(self, rows: list[dict[str, Any]]) -> None:
        """Adds the learned hyperparameters after a meta-step."""
        self._add(HYPERPARAMETERS, rows)

    def episodes(self, rows: list[dict[str, Any]]) -> None:
        """Adds accuracy and loss of every task of one validation or test."""
        self._add(EPISODES, rows)

    def flush(self) -> None:
        """Writes everything to disk. Raises BenchError if that fails."""
        try:
            with (self._folder / METRICS).open("a", encoding="utf-8") as file:
                file.writelines(self._lines)
        except OSError as error:
            raise cannot_write(self._folder / METRICS, error) from error
        self._lines.clear()
        for name in sorted(self._changed):
            self._tables[name] = [pd.concat(self._tables[name], ignore_index=True)]
            with replacing(self._folder / name) as temporary:
                _write(self._tables[name][0], temporary)
        self._changed.clear()

    def _add(self, name: str, rows: list[dict[str, Any]]) -> None:
        if rows:
            self._tables[name].append(pd.DataFrame(rows).astype(_COLUMNS[name]))
            self._changed.add(name)


def learned(assembly: Assembly, state: TrainingState, epoch: int) -> list[dict[str, Any]]:
    """Rows of hyperparameters.parquet: the learned hyperparameters. inner_step -1: equal at all steps."""
    rows = []
    for key, value in assembly.learner.learned(assembly.parts, state.meta).items():
        hyperparameter, parameter = key.split("/", 1)
        place = {"iteration": state.iteration, "epoch": epoch}
        name = {"parameter": parameter, "hyperparameter": hyperparameter}
        numbers = enumerate(value.tolist()) if value.dim() else [(-1, float(value))]
        rows += [place | {"inner_step": step} | name | {"value": number} for step, number in numbers]
    return rows


def by_task(split: str, iteration: int, scores: Scores) -> list[dict[str, Any]]:
    """Rows of episodes.parquet."""
    pairs = zip(scores.accuracy.tolist(), scores.loss.tolist(), strict=True)
    return [
        {"split": split, "iteration": iteration, "task": task, "accuracy": accuracy, "loss": loss}
        for task, (accuracy, loss) in enumerate(pairs)
    ]


def best_epochs(epochs: list[dict[str, Any]], count: int) -> list[dict[str, Any]]:
    """The `count` best validated epochs, best first; of equal ones the earlier first. Fewer if fewer were validated."""
    return sorted(epochs, key=lambda record: (-record["val_accuracy"], record["epoch"]))[:count]


def result(
    assembly: Assembly, state: TrainingState, best: list[dict[str, Any]], test: Scores, also: Mapping[str, Scores]
) -> dict[str, Any]:
    """The content of result.json. Accuracies are fractions; test_ci95 is half the width of the interval over tasks.

    also: scores of the same members with another batch norm, by its name.
    """
    return {
        "cell": assembly.cell.id,
        "iterations": state.iteration,
        "parameters": sum(tensor.numel() for tensor in select(state.meta, WEIGHTS).values()),
        "val_accuracy": best[0]["val_accuracy"],
        **_figures(test),
        "ensemble": len(best),
        "ensemble_epochs": [record["epoch"] for record in best],
        "epochs": [{key: value for key, value in record.items() if key != "file"} for record in state.epochs],
        "fingerprint": assembly.fingerprint,
        **{f"test_{batch_norm}": _figures(scores) for batch_norm, scores in also.items()},
    }


def _figures(test: Scores) -> dict[str, float]:
    return {
        "test_accuracy": float(test.accuracy.mean()),
        "test_ci95": half_width_95(test.accuracy),
        "test_loss": float(test.loss.mean()),
    }


def _write(table: pd.DataFrame, path: Path) -> None:
    """Writes Parquet with a row group for each `split`, so that the test can be read without 150 validations."""
    whole = pa.Table.from_pandas(table, preserve_index=False)
    splits = table["split"].to_numpy() if "split" in table else table.index.to_numpy()[:0]
    ends = [*(np.flatnonzero(splits[1:] != splits[:-1]) + 1), len(table)]
    with ParquetWriter(path, whole.schema) as file:
        for first, end in pairwise([0, *ends]):
            file.write_table(whole.slice(first, end - first))


def _lines_until(path: Path, iteration: int | None) -> list[str]:
    """The lines up to a meta-step, without an incomplete last line."""
    kept: list[str] = []
    if iteration is None:
        return kept
    for line in path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []:
        try:
            if json.loads(line)["iteration"] <= iteration and line.endswith("\n"):
                kept.append(line)
        except (ValueError, KeyError, TypeError):
            break
    return kept


def _rows_until(path: Path, iteration: int | None) -> pd.DataFrame:
    columns = _COLUMNS[path.name]
    if iteration is not None and path.exists():
        try:
            table = pd.read_parquet(path)
            kept = table["iteration"] <= iteration
            if path.name == EPISODES:
                kept &= ~table["split"].str.startswith("test")  # the one test, at the end, is repeated
            return table[kept].astype(columns)
        except (OSError, ValueError, KeyError) as error:
            raise BenchError(f"{path} cannot be read ({error}). Delete it to go on without what it holds.") from error
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in columns.items()})
