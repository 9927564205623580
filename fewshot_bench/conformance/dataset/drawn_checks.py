"""Checks of a dataset whose tasks are drawn and not stored: they are pure functions, and a cell of them runs."""

import json
from typing import Any

import numpy as np

from fewshot_bench.cells import folders
from fewshot_bench.conformance.dataset.contract import Candidate, dataset_of
from fewshot_bench.conformance.findings import Outcome
from fewshot_bench.data.dataset import Dataset, DrawnTasks
from fewshot_bench.data.tasks import TaskShape
from fewshot_bench.grid.expand import expand
from fewshot_bench.grid.files import GridFile
from fewshot_bench.grid.run import run as run_cells

SHAPE, TASKS = TaskShape(ways=1, shots=5, queries=7), 20
PLAN = {"program": "eager", "threads": 1, "tasks_at_once": 1, "workers": 1}


def drawn_tasks(subject: Candidate) -> Outcome:
    """Whether tasks have the shapes of the contract, and are pure functions of the stream's key and their number."""
    known = dataset_of(subject)
    whole = _drawn(known, np.arange(TASKS))
    points = SHAPE.shots + SHAPE.queries
    for name, values, expected in (("x", whole.x, (points, *known.shape)), ("y", whole.y, (points, SHAPE.ways))):
        if values.shape != (TASKS, *expected) or values.dtype != np.float32:
            return False, f"`{name}` is {values.dtype} {values.shape}, not float32 {(TASKS, *expected)}."
        if not np.isfinite(values).all():
            return False, f"`{name}` has numbers that are not finite."
    part = _drawn(known, np.array([11, 3]))
    if not (np.array_equal(part.x, whole.x[[11, 3]]) and np.array_equal(part.y, whole.y[[11, 3]])):
        return False, "a task differs in another batch: it has to be a function of the key and its number alone."
    fewer = _drawn(known, np.arange(TASKS), SHAPE._replace(queries=1))
    if not np.array_equal(fewer.x, whole.x[:, : SHAPE.shots + 1]):
        return False, "the support of a task depends on the number of queries."
    if np.array_equal(_drawn(known, np.arange(TASKS), key="other").y, whole.y):
        return False, "streams of another key have the same tasks, so validation would repeat training."
    return True, f"{TASKS} tasks, the same in any batch and with any number of queries"


def run(subject: Candidate) -> Outcome:
    """Compute a grid of one untrained cell, as the command `run` does, in a temporary folder."""
    content: dict[str, Any] = {
        "grid": {
            "dataset": [subject.name],
            "ways": [SHAPE.ways],
            "shots": [SHAPE.shots],
            "learner": ["maml"],
            "backbone": ["mlp"],
            "inner_optimizer": ["sgd"],
        },
        "training": {"iterations": 0, "inner_steps": 1},
        "evaluation": {"tasks": TASKS, "ensemble": 1},
        "inner_optimizers": {"sgd": {"lr": 0.01}},
    }
    if subject.options:
        content["datasets"] = {subject.name: dict(subject.options)}
    cells = expand(GridFile("check", "the grid of this check", content), subject.data_dir)
    outcome = run_cells(cells, subject.scratch / "results", data_dir=subject.data_dir, device="cpu", plan=PLAN)
    if outcome.undone:
        return False, "; ".join(outcome.undone.values())
    folder = folders.folder_of(subject.scratch / "results", cells[0])
    result = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    return True, f"an untrained cell: loss {result['test_loss']:.3g} on test tasks"


def _drawn(known: Dataset, indices: Any, shape: TaskShape = SHAPE, key: str = "key") -> DrawnTasks:
    assert known.draw_tasks is not None  # these checks are for such datasets
    return known.draw_tasks(key, np.asarray(indices, dtype=np.int64), shape)
