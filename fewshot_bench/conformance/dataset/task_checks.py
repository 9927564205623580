"""Checks of what becomes of a dataset's images: tasks, a network's input, and the result of a cell."""

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewshot_bench.basics.errors import GridError
from fewshot_bench.cells import folders
from fewshot_bench.cells.cell import Cell
from fewshot_bench.conformance.dataset.contract import Candidate, data_folder, dataset_of, pool_of
from fewshot_bench.conformance.findings import Outcome
from fewshot_bench.data.datasets import split_of
from fewshot_bench.data.splits import PARTS, Part
from fewshot_bench.data.tasks import TaskShape, draw, sampler, task_key
from fewshot_bench.grid.expand import expand
from fewshot_bench.grid.files import GridFile
from fewshot_bench.grid.run import run as run_cells
from fewshot_bench.training.tasks import streams

WAYS, SHOTS, TASKS = 2, 1, 20
SHAPE = TaskShape(WAYS, SHOTS, queries=1)
NETWORK = "fewshot_bench.conformance.tiny:smooth"
"""A network that takes images of any size."""

PLAN = {"program": "eager", "threads": 1, "tasks_at_once": 1, "workers": 1}


def tasks(subject: Candidate) -> Outcome:
    """Whether the tasks of each part are the same every time, of its classes alone, with no image twice in a task."""
    known, pool = dataset_of(subject), pool_of(subject)
    for name in known.splits:
        split = split_of(known, name, pool)
        drawn: dict[Part, set[str]] = {}
        drawn |= {part: set() for part in PARTS}
        for part in filter(split.part, PARTS):  # a split for tests on another dataset may leave parts empty
            members = split.indices(part, pool)
            sample = sampler(pool, members, SHAPE, False, task_key(known.name, name, part, SHAPE, 0))
            first, again = sample(np.arange(TASKS)), sample(np.arange(TASKS))
            where = f"{part} of {name}"
            if not (np.array_equal(first.support, again.support) and np.array_equal(first.query, again.query)):
                return False, f"{where}: drawn twice, tasks differ."
            drawn[part] = {pool.classes[members[index]] for index in first.classes.ravel()}
            for support, query, classes in zip(first.support, first.query, first.classes, strict=True):
                for label, index in enumerate(classes):
                    own = pool.of_class(members[index])
                    if not all(_times(own, images[label]) for images in (support, query)):
                        return False, f"{where}: a task has an image that is not of its class."
                    if np.array_equal(support[label], query[label]) and _times(own, query[label]) < 2:
                        return False, f"{where}: a query image is the support image."
            if not drawn[part] <= set(split.part(part)):
                return False, f"{where}: a task has a class of another part."
        for one, other in (("train", "val"), ("train", "test"), ("val", "test")):
            if both := drawn[one] & drawn[other]:  # type: ignore[index]
                return False, f"{name}: tasks of {one} and of {other} have the class {min(both)!r}."
    return True, f"{TASKS} of each part with {WAYS} ways, of its classes alone, the same when drawn again"


def an_image_survives(subject: Candidate) -> Outcome:
    """Whether the pixels of a network's input, with the normalisation undone, are the pool's bytes."""
    known, pool = dataset_of(subject), pool_of(subject)
    (cell,) = _cells(subject)
    split = split_of(known, cell.split, pool)
    task = streams(cell, pool, split, "cpu").test(0, 1)
    mean, std = (np.array(values).reshape(-1, 1, 1) for values in (known.mean, known.std))
    seen = np.rint((task.support.x[0].double().numpy() * std + mean) * 255)
    members = split.indices("test", pool)
    chosen = draw(
        task_key(cell.dataset, cell.split, "test", SHAPE, 0), np.arange(1), SHAPE, pool.counts[members], False
    )
    expected = [
        pool.of_class(members[klass])[examples[0]]
        for klass, examples in zip(chosen.classes[0], chosen.examples[0], strict=True)
    ]
    if np.array_equal(seen, np.stack(expected)):
        return True, "pool, task and a network's input have the same pixels"
    return (
        False,
        f"a network's input differs from the pool by up to {np.abs(seen - np.stack(expected)).max():.0f} of 255",
    )


def run(subject: Candidate) -> Outcome:
    """Compute a grid of one untrained cell, as the command `run` does, in a temporary folder."""
    cells, results = _cells(subject), subject.scratch / "results"
    try:
        outcome = run_cells(cells, results, data_dir=data_folder(subject), device="cpu", plan=PLAN)
    except GridError as error:
        return False, " ".join(error.problems)
    if outcome.undone:
        return False, "; ".join(outcome.undone.values())
    result = json.loads((folders.folder_of(results, cells[0]) / "result.json").read_text(encoding="utf-8"))
    return True, f"an untrained cell of {WAYS} ways: test accuracy {100 * result['test_accuracy']:.0f} %"


def _cells(subject: Candidate) -> list[Cell]:
    content: dict[str, Any] = {
        "grid": {
            "dataset": [subject.name],
            "ways": [WAYS],
            "shots": [SHOTS],
            "learner": ["protonet"],
            "backbone": [NETWORK],
            "inner_optimizer": ["sgd"],
        },
        "training": {"iterations": 0},
        "evaluation": {"tasks": TASKS, "ensemble": 1},
    }
    if subject.options:
        content["datasets"] = {subject.name: dict(subject.options)}
    return expand(GridFile("check", "the grid of this check", content), data_folder(subject))


def _times(images: NDArray[np.uint8], image: NDArray[np.uint8]) -> int:
    """How often an image is among others."""
    return int((images == image).all(axis=(1, 2, 3)).sum())
