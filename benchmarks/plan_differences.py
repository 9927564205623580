"""How far the meta-gradients of two plans are from each other, task by task, in float32 and in float64.

    uv run benchmarks/plan_differences.py [--datasets glyphs omniglot] [--data-dir DIR] [--tasks 48] [--batch 4]

MAML++ at its initial weights, 5-way 1-shot, the first tasks of a run with seed 0. Each plan is compared with `eager`,
one task at a time, one thread. Prints a Markdown table: of how many tasks the meta-gradient is off by more than 1 %, by
how much that of the middle and of the worst task is off, and the mean of the worst batch, relative to their lengths.

In float64 all plans agree to about 1e-13. In float32 most tasks agree to about 1e-5, and a few do not: if two values in
a window of a max-pool, or an activation and its kink, are closer than rounding, two plans choose differently. The
gradient then goes another way, as it does in every float32 implementation of MAML.
"""

import argparse
import sys
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from benchmarks.options import circumstances
from fewshot_bench.basics.errors import DataError
from fewshot_bench.cells.cell import Cell, Training
from fewshot_bench.data.datasets import DATASETS, dataset_named, open_pool
from fewshot_bench.data.locations import default_data_dir
from fewshot_bench.data.pool import Pool
from fewshot_bench.hypergradients.problem import Batch
from fewshot_bench.learners.base import Meta
from fewshot_bench.training.assembly import assemble
from fewshot_bench.training.gradients import gradients
from fewshot_bench.training.meta_step import begin
from fewshot_bench.training.plan import Plan, as_planned

REFERENCE = Plan("cpu", 1, 1)
PLANS = {
    "eager, 2 threads": Plan("cpu", 2, 1),
    "eager, 8 tasks at once": Plan("cpu", 1, 8),
    "traced": Plan("cpu", 1, 1, "traced"),
    "traced, 2 threads": Plan("cpu", 2, 1, "traced"),
}
NUMBERS = ["float32", "float64"]
MANY = 0.01  # of a gradient's length


class Spread(NamedTuple):
    """Relative distances between two plans' gradients. over: tasks whose distance is above MANY; median, largest: of
    single tasks; batch: the largest of the means of batches.
    """

    over: int
    median: float
    largest: float
    batch: float


def main(words: Sequence[str] | None = None) -> None:
    options = _parser().parse_args(words)
    found = circumstances(torch.get_num_threads())
    print(f"{found['processor']}, torch {torch.__version__}: {options.tasks} tasks, batches of {options.batch}.\n")
    print(f"| images | inner optimizer | plan | numbers | over {MANY:.0%} | median | largest | batch, largest |")
    print(8 * "|---" + "|")
    for dataset, rule in product(options.datasets, options.rules):
        try:
            pool = open_pool(dataset_named(dataset), options.data_dir)
        except DataError as error:
            print(f"{dataset} is left out: {error}", file=sys.stderr)
            continue
        cell = Cell(
            dataset=dataset,
            split=next(iter(dataset_named(dataset).splits)),
            ways=5,
            shots=1,
            learner="maml++",
            backbone=options.backbone,
            inner_optimizer=rule,
            seed=0,
            training=Training(inner_steps=options.steps, tasks_per_batch=options.batch),
        )
        for dtype in (getattr(torch, name) for name in options.numbers):
            expected = of_tasks(cell, pool, REFERENCE, dtype, options.tasks)
            for name in options.plans:
                one = spread(of_tasks(cell, pool, PLANS[name], dtype, options.tasks), expected, options.batch)
                numbers = " | ".join(_size(value) for value in one[1:])
                kind = str(dtype).removeprefix("torch.")
                print(f"| {dataset} | {rule} | {name} | {kind} | {one.over} | {numbers} |", flush=True)


def of_tasks(cell: Cell, pool: Pool, plan: Plan, dtype: torch.dtype, count: int) -> Tensor:
    """The meta-gradients of a run's first tasks at its initial weights, each as one row, float64 [count, numbers]."""
    with as_planned(plan):
        assembly = assemble(cell, pool, plan)
        model = assembly.parts.model
        weights = {name: value.to(dtype) for name, value in model.weights.items()}
        assembly = assembly._replace(parts=assembly.parts._replace(model=model._replace(weights=weights)))
        tasks = assembly.streams.train(0, count)
        support, query = (Batch(part.x.to(dtype), part.y) for part in tasks[:2])
        state = begin(assembly.learner, assembly.parts, cell.training.inner_steps, plan.device)
        found = gradients(assembly)([state], [tasks._replace(support=support, query=query)])[0]
        return _rows(found.meta)


def spread(found: Tensor, expected: Tensor, batch: int) -> Spread:
    """How far gradients are from those expected, both [tasks, numbers]. batch: tasks in a batch."""
    of_one = _distance(found, expected)
    of_batch = _distance(*(torch.stack([part.mean(0) for part in rows.split(batch)]) for rows in (found, expected)))
    over = int((of_one > MANY).sum())
    return Spread(over, float(of_one.median()), float(of_one.max()), float(of_batch.max()))


def _rows(meta: Meta) -> Tensor:
    return torch.cat([meta[name].double().reshape(len(meta[name]), -1) for name in sorted(meta)], 1)


def _distance(found: Tensor, expected: Tensor) -> Tensor:
    return (found - expected).norm(dim=1) / expected.norm(dim=1)


def _size(value: float) -> str:
    return f"{value:.1%}" if value >= 0.001 else f"{value:.0e}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--datasets", nargs="+", choices=list(DATASETS), default=["glyphs", "omniglot"])
    parser.add_argument("--data-dir", type=Path, default=default_data_dir())
    parser.add_argument("--backbone", default="vgg")
    parser.add_argument("--plans", nargs="+", choices=list(PLANS), default=list(PLANS))
    parser.add_argument("--numbers", nargs="+", choices=NUMBERS, default=NUMBERS)
    parser.add_argument("--rules", nargs="+", default=["sgd"])
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--tasks", type=int, default=48)
    parser.add_argument("--batch", type=int, default=4)
    return parser


if __name__ == "__main__":
    main()
