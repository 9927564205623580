"""What a meta-step of the paper's recipe costs: seconds and peak memory, for every network and inner optimizer.

    uv run benchmarks/meta_steps.py DATASET [--data-dir DIR] [--backbones vgg ...] [--rules sgd ...] [--shots 1 5] ...

Real data, 8 tasks a meta-step, 1 query a class, 5 inner steps, multi-step loss off (as in all but the first 10 epochs).
Each cell runs in a fresh process; memory is that process's peak resident size above what it had before the first step,
other workers' not counted.
Prints a Markdown table: the median of the steps after the first.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from itertools import product
from pathlib import Path

from benchmarks.peak import Peak

BACKBONES = ("vgg", "resnet-4", "resnet-8", "resnet-12", "densenet-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", choices=("omniglot", "mini-imagenet", "glyphs"))
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--backbones", nargs="+", default=BACKBONES)
    parser.add_argument("--rules", nargs="+", default=("sgd", "adam"))
    parser.add_argument("--ways", type=int, nargs="+", default=[5])
    parser.add_argument("--shots", type=int, nargs="+", default=[1, 5])
    parser.add_argument("--plan", nargs="+", default=[""], help="as run's --plan; what is left open is measured")
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    cells = list(product(options.backbones, options.rules, options.ways, options.shots, options.plan))
    if options.one:
        print(json.dumps(measure(options, *cells[0])))
        return
    print(
        "| network | inner optimizer | ways | shots | program | workers | s / meta-step | peak MiB | loss |\n|"
        + 9 * "---|"
    )
    for backbone, rule, ways, shots, plan in cells:
        one = ["--one", "--backbones", backbone, "--rules", rule, "--ways", str(ways), "--shots", str(shots)]
        words = [sys.executable, *sys.argv, *one, "--plan", plan]  # of two equal flags the last one counts
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        program, workers, seconds, mebibytes, loss = json.loads(done.stdout)
        figures = f"{program} | {workers} | {seconds:.2f} | {mebibytes:.0f} | {loss:.2f}"
        print(f"| {backbone} | {rule} | {ways} | {shots} | {figures} |", flush=True)


def measure(
    options: argparse.Namespace, backbone: str, rule: str, ways: int, shots: int, plan: str
) -> tuple[str, int, float, float, float]:
    """Program and workers, median seconds a meta-step, peak MiB of this process above the start, and the last loss."""
    from fewshot_bench.cells.cell import Cell
    from fewshot_bench.data.datasets import dataset_named, open_pool
    from fewshot_bench.data.locations import default_data_dir
    from fewshot_bench.training.assembly import assemble
    from fewshot_bench.training.gradients import gradients
    from fewshot_bench.training.meta_step import begin, meta_step
    from fewshot_bench.training.plan import as_planned, parse_plan
    from fewshot_bench.training.planning import find_plan

    dataset = dataset_named(options.dataset)
    cell = Cell(
        dataset=options.dataset,
        split=dataset.splits[0],
        ways=ways,
        shots=shots,
        learner="maml++",
        backbone=backbone,
        inner_optimizer=rule,
        seed=0,
        learner_options=(("msl_epochs", 0),),
    )
    pool = open_pool(dataset_named(options.dataset), options.data_dir or default_data_dir())
    found = find_plan(cell, 1, pool, "cpu", parse_plan(plan), lambda text: None)
    with as_planned(found):
        assembly = assemble(cell, pool, found)
        find = gradients(assembly)
        state = begin(assembly.learner, assembly.parts, cell.training.inner_steps, "cpu")
        assembly.streams.train(0, 8)
        seconds, loss = [], 0.0
        with Peak("cpu") as most:
            for _ in range(1 + options.steps):
                begun = time.perf_counter()
                loss = meta_step(assembly, find, state)["loss"]
                seconds.append(time.perf_counter() - begun)
    return found.program, found.workers, statistics.median(seconds[1:]), most.mebibytes, loss


if __name__ == "__main__":
    main()
