"""How long a cell's parts take on a device, by the plan that a run would find there, on images that are made up."""

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fewshot_bench.cells.cell import Cell
from fewshot_bench.data.datasets import dataset_named
from fewshot_bench.data.pool import Pool, write_pool
from fewshot_bench.data.splits import all_classes
from fewshot_bench.training.assembly import assemble
from fewshot_bench.training.evaluation import CHUNK, evaluate, predictions
from fewshot_bench.training.gradients import gradients
from fewshot_bench.training.meta_step import apply_gradient, batch, begin, stage
from fewshot_bench.training.plan import as_planned
from fewshot_bench.training.planning import find_plan

EXAMPLES = 20  # a class, in a pool that is made up: what a task costs depends on shapes alone


class Seconds(NamedTuple):
    """plan: in words; replicas: of it. first: until the first meta-step is done, programs made. step: of a meta-step of
    all replicas. first_task, task: of the first tasks of a validation, and of one task from then on.
    """

    plan: str
    replicas: int
    first: float
    step: float
    first_task: float
    task: float


def seconds(cell: Cell, pool: Pool, device: str, given: dict[str, Any], seeds: int, steps: int) -> Seconds:
    """steps: meta-steps that are timed, after two that are not. given: as in planning.find_plan."""
    plan = find_plan(cell, seeds, pool, device, given, lambda line: print(line, file=sys.stderr))
    with as_planned(plan):
        packed = [assemble(replace(cell, seed=seed), pool, plan) for seed in range(plan.replicas)]
        states = [begin(one.learner, one.parts, cell.training.inner_steps, plan.device) for one in packed]
        find = gradients(packed[0])

        def meta_steps(count: int) -> Tensor:
            for _ in range(count):
                found = find(states, [batch(one, state.iteration) for one, state in zip(packed, states, strict=True)])
                last = [apply_gradient(*one)["loss"] for one in zip(packed, states, found, strict=True)]
            return last[0]

        first = _timed(lambda: meta_steps(1))
        meta_steps(1)
        step = _timed(lambda: meta_steps(steps)) / steps
        predict, now = predictions(packed[0]), stage(states[0], cell.test_steps, cell.training.iterations_per_epoch)

        def validation(tasks: int) -> Tensor:
            return evaluate(predict, [states[0].meta], now, packed[0].streams.val, tasks, "transductive").loss.sum()

        first_task = _timed(lambda: validation(CHUNK))
        return Seconds(str(plan), plan.replicas, first, step, first_task, _timed(lambda: validation(CHUNK)) / CHUNK)


def made_up(dataset: str, split: str, folder: Path) -> Pool:
    """A pool of noise in the shape of a dataset's."""
    random = np.random.default_rng(0)

    def fill(images: NDArray[np.uint8]) -> None:
        images[:] = random.integers(0, 256, images.shape, dtype=np.uint8)

    classes, shape = all_classes(dataset, split), dataset_named(dataset).shape
    return write_pool(folder / dataset, classes, EXAMPLES, shape, fill, {"source": "made up"})


def peak(device: str, tf32: bool) -> float:
    """FLOP a second of a large product of matrices: the most that the device's arithmetic is good for."""
    size = 2048 if device == "cpu" else 16384
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = tf32
    try:
        a = torch.randn(size, size, device=device)
        (a @ a).sum().item()
        best = min(_timed(lambda: (a @ a)[0, 0]) for _ in range(5))
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before
    return 2 * size**3 / best


def _timed(work: Callable[[], Tensor]) -> float:
    """Seconds until its result is there; waits for the device."""
    begun = time.perf_counter()
    float(work())
    return time.perf_counter() - begun
