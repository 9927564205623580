"""What part of a meta-step the sampling of its tasks takes: drawing them, gathering and normalising their images.

    uv run benchmarks/sampling.py [--data-dir DIR] [--device cpu] [--steps 20]

MAML++ with vgg and SGD, 5-way 1-shot, 8 tasks a meta-step, 1 query, 5 inner steps, multi-step loss off, on real
Omniglot and mini-ImageNet, computed as `run` would (the plan is printed). Means: of so many meta-steps after the first,
and of the sampling of 512 batches, since tasks are drawn some hundreds at a time. On a GPU it is how long the host is
busy with it, which the GPU need not wait for.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

from fewshot_bench.cells.cell import Cell
from fewshot_bench.data.datasets import dataset_named, open_pool
from fewshot_bench.data.locations import default_data_dir
from fewshot_bench.training.assembly import assemble
from fewshot_bench.training.gradients import gradients
from fewshot_bench.training.meta_step import batch, begin, meta_step
from fewshot_bench.training.plan import as_planned
from fewshot_bench.training.planning import find_plan

BATCHES = 512


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, default=default_data_dir())
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--steps", type=int, default=20)
    options = parser.parse_args()
    print("| dataset | ms / meta-step | ms of it sampling | share | plan |\n|---|---|---|---|---|")
    for dataset in ("omniglot", "mini-imagenet"):
        plan, whole, sampling = measured(dataset, options)
        print(f"| {dataset} | {1e3 * whole:.1f} | {1e3 * sampling:.3f} | {sampling / whole:.2%} | {plan} |", flush=True)


def measured(dataset: str, options: argparse.Namespace) -> tuple[str, float, float]:
    """The plan in words, and mean seconds of a meta-step and of its sampling."""
    cell = Cell(
        dataset=dataset,
        split=next(iter(dataset_named(dataset).splits)),
        ways=5,
        shots=1,
        learner="maml++",
        backbone="vgg",
        inner_optimizer="sgd",
        seed=0,
        learner_options=(("msl_epochs", 0),),
    )
    pool = open_pool(dataset_named(dataset), options.data_dir)
    plan = find_plan(cell, 1, pool, options.device, {}, lambda line: None)
    with as_planned(plan):
        assembly = assemble(cell, pool, plan)
        state = begin(assembly.learner, assembly.parts, cell.training.inner_steps, plan.device)
        find = gradients(assembly)
        meta_step(assembly, find, state)
        whole = mean_seconds(lambda _: meta_step(assembly, find, state), options.steps)
        sampling = mean_seconds(lambda step: batch(assembly, step), BATCHES)
    words = f"{plan.program}, workers {plan.workers}, threads of each {plan.threads}"
    return words, whole, sampling


def mean_seconds(run: Callable[[int], object], times: int) -> float:
    begun = time.perf_counter()
    for step in range(times):
        run(step)
    return (time.perf_counter() - begun) / times


if __name__ == "__main__":
    main()
