"""Synthetic results folders: what the training side would have left on disk, with numbers of one's choice."""

import copy
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import tomli_w

from fewshot_bench.cells.cell import content_hash

AXES = {
    "dataset": "omniglot",
    "split": "gimli",
    "ways": 5,
    "shots": 1,
    "learner": "maml++",
    "backbone": "vgg",
    "inner_optimizer": "sgd",
    "seed": 0,
}
TRAINING = {"iterations": 300, "iterations_per_epoch": 100, "tasks_per_batch": 8, "queries": 1, "inner_steps": 5}
EVALUATION = {"tasks": 4, "seed": 0, "ensemble": 1}
FINGERPRINT = {
    "split_hash": "0123456789abcdef" * 4,
    "pool_hash": "fedcba9876543210" * 4,
    "duplicates": [],
    "queries": 1,
    "batch_norm": "transductive",
    "rotations": "train",
    "inner_steps_test": 5,
    "evaluation_tasks": 600,
    "evaluation_seed": 0,
    "ensemble": 5,
}


def write_cell(
    directory: Path,
    tasks: Sequence[float] | None = (0.9, 0.9, 0.9, 0.9),
    *,
    training: dict[str, Any] | None = None,
    evaluation: dict[str, Any] | None = None,
    options: dict[str, Any] | None = None,
    learner_options: dict[str, Any] | None = None,
    fingerprint: dict[str, Any] | None = None,
    also: dict[str, Sequence[float]] | None = None,
    val_accuracy: float = 0.8,
    test_ci95: float = 0.01,
    status: str = "done",
    reason: str = "",
    name: str | None = None,
    **axes: Any,
) -> Path:
    """One cell below `directory`/cells, called `name` and its hash.

    `tasks` are its test accuracies by task, None: no episodes.parquet; `also`: those of another batch norm, by name.
    `options`: its inner_optimizer_options.
    """
    config: dict[str, Any] = {"recipe": 1, **AXES, **axes, "training": TRAINING | (training or {})}
    config |= {"evaluation": EVALUATION | (evaluation or {})}
    config |= {
        "learner_options": learner_options or {},
        "backbone_options": {},
        "inner_optimizer_options": options or {},
    }
    iterations = config["training"]["iterations"]
    prefix = "-".join(
        str(config[key]) for key in ("dataset", "ways", "shots", "learner", "backbone", "inner_optimizer")
    )
    readable = name or f"{prefix}-seed{config['seed']}-{iterations}it"
    folder = directory / "cells" / f"{readable}-{content_hash(config)}"
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text(tomli_w.dumps(config))
    said = {"status": status, "reason": reason, "iterations": iterations if status == "done" else 7, "seconds": 12.5}
    (folder / "status.json").write_text(json.dumps(said))
    if status == "done":
        accuracy = sum(tasks) / len(tasks) if tasks else 0.9
        facts = copy.deepcopy(FINGERPRINT) | (fingerprint or {})
        content = {
            "cell": folder.name,
            "iterations": iterations,
            "parameters": 112_261,
            "val_accuracy": val_accuracy,
            "test_accuracy": accuracy,
            "test_ci95": test_ci95,
            "test_loss": 0.5,
            "ensemble": facts["ensemble"],
            "ensemble_epochs": [1],
            "epochs": [{"epoch": 1, "iteration": iterations, "val_accuracy": val_accuracy, "val_loss": 0.4}],
            "fingerprint": facts,
        }
        for batch_norm, values in (also or {}).items():
            figures = {"test_accuracy": sum(values) / len(values), "test_ci95": test_ci95 / 2, "test_loss": 0.6}
            content[f"test_{batch_norm}"] = figures
        (folder / "result.json").write_text(json.dumps(content))
        if tasks is not None:
            write_episodes(folder, tasks, also)
    return folder


def write_episodes(folder: Path, tasks: Sequence[float], also: dict[str, Sequence[float]] | None = None) -> None:
    """episodes.parquet: `tasks` as test accuracies, and validation tasks that nothing may mistake for them."""
    tests = {"test": tasks} | {f"test {batch_norm}": values for batch_norm, values in (also or {}).items()}
    rows = [("val", task, 0.1) for task in range(3)]
    rows += [(name, task, value) for name, values in tests.items() for task, value in enumerate(values)]
    table = pd.DataFrame(rows, columns=["split", "task", "accuracy"]).assign(iteration=300, loss=0.5)
    table.to_parquet(folder / "episodes.parquet", index=False)


def write_hyperparameters(
    folder: Path, values: dict[tuple[str, str], Sequence[float]], every: int = 50, inner_step: int = -1
) -> None:
    """hyperparameters.parquet: for each (hyperparameter, parameter) its values at iterations 0, `every`, ...

    inner_step: 0 or more adds the values of this inner step to those that are there.
    """
    rows = [
        (step * every, step * every // 100, inner_step, parameter, hyperparameter, value)
        for (hyperparameter, parameter), line in values.items()
        for step, value in enumerate(line)
    ]
    names = ["iteration", "epoch", "inner_step", "parameter", "hyperparameter", "value"]
    path = folder / "hyperparameters.parquet"
    before = [pd.read_parquet(path)] if inner_step > 0 else []
    pd.concat([*before, pd.DataFrame(rows, columns=names)]).to_parquet(path, index=False)
