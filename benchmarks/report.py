"""How long `report` takes over a large results folder, and how much memory: every format, and results.csv.

    uv run benchmarks/report.py [--cells 10000] [--seeds 8] [--epochs 150] [--tasks 600] [--rounds 3]

The folder is made up, in a temporary place, and says nothing of any learner: the accuracies are random. What lies in it
is what `run` writes: the paper's grid of 60 settings, with so many seeds, for as many learners as it takes; half of the
cells are untrained twins of the others, so that every pair of episodes.parquet has to be read. All cells are done, with
150 validations of 600 tasks each, as the paper's budget has them. Equal copies of episodes.parquet are hard links, and
all files are in the page cache: disks are not measured. Each time is of a fresh process, start included, and the memory
is that process's peak resident size.
"""

import argparse
import itertools
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import tomli_w

from fewshot_bench.cells.cell import Cell, Evaluation, Training
from fewshot_bench.cells.config_file import to_table
from fewshot_bench.cells.folders import EPISODES
from fewshot_bench.training.records import Records

LEARNERS = ("maml++", "maml", "fomaml", "anil", "boil", "imaml", "reptile", "meta-sgd", "finetune")
SETTINGS = (("omniglot", 5, 1), ("omniglot", 5, 5), ("omniglot", 20, 1), ("omniglot", 20, 5),
            ("mini-imagenet", 5, 1), ("mini-imagenet", 5, 5))  # fmt: skip
BACKBONES = ("vgg", "resnet-4", "resnet-8", "resnet-12", "densenet-8")
ITERATIONS = (75_000, 0)
VARIANTS = 8  # different files of accuracies, trained and untrained each

REPORT = "from fewshot_bench.cli.main import main; main(['report', folder, '--format', '{}'])"
WAYS = {name: REPORT.format(name) for name in ("terminal", "markdown", "latex", "csv")} | {
    "results.csv": "from fewshot_bench.report.results_csv import write_results_csv; write_results_csv(Path(folder))"
}
PROGRAM = """
import sys
from pathlib import Path
folder = sys.argv[1]
{}
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1], file=sys.stderr)
"""


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("cells", 10_000), ("seeds", 8), ("epochs", 150), ("tasks", 600), ("rounds", 3)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args(words)
    with tempfile.TemporaryDirectory() as name:
        make(Path(name), options)
        print("| what | seconds | peak MiB |\n|---|---|---|")
        for way, program in WAYS.items():
            rounds = [measured(PROGRAM.format(program), name) for _ in range(options.rounds)]
            seconds, mebibytes = (statistics.median(values) for values in zip(*rounds, strict=True))
            print(f"| {way} | {seconds:.2f} | {mebibytes:.0f} |", flush=True)


def measured(program: str, folder: str) -> tuple[float, float]:
    """Seconds, and MiB at the peak, of a process that runs `program`."""
    begun = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", program, folder], capture_output=True, text=True, check=True)
    return time.perf_counter() - begun, int(done.stderr.split()[-1]) / 1024


def make(folder: Path, options: argparse.Namespace) -> None:
    """A results folder of so many cells."""
    rng = random.Random(0)
    files = {its: [episodes(folder, its, options, rng) for _ in range(VARIANTS)] for its in ITERATIONS}
    for cell in itertools.islice(cells(options), options.cells):
        file, accuracy = rng.choice(files[cell.training.iterations])
        place = folder / "cells" / cell.id
        place.mkdir(parents=True)
        (place / "config.toml").write_text(tomli_w.dumps(to_table(cell)))
        (place / "status.json").write_text(json.dumps(status(cell), indent=1) + "\n")
        (place / "result.json").write_text(json.dumps(result(cell, accuracy, options, rng), indent=1) + "\n")
        os.link(file, place / EPISODES)


def cells(options: argparse.Namespace) -> Iterator[Cell]:
    """As many as are asked for: learners without end, the later ones with another rate."""
    for rate in itertools.count(1):
        axes = itertools.product(LEARNERS, SETTINGS, BACKBONES, ("sgd", "adam"), range(options.seeds), ITERATIONS)
        for learner, (dataset, ways, shots), backbone, rule, seed, iterations in axes:
            yield Cell(
                dataset=dataset,
                split="gimli" if dataset == "omniglot" else "gimli-fork",
                ways=ways,
                shots=shots,
                learner=learner,
                backbone=backbone,
                inner_optimizer=rule,
                seed=seed,
                training=Training(iterations=iterations),
                evaluation=Evaluation(tasks=options.tasks),
                learner_options=(("meta_lr", 0.001 * rate),),
            )


def episodes(folder: Path, iterations: int, options: argparse.Namespace, rng: random.Random) -> tuple[Path, float]:
    """A new episodes.parquet, and the mean accuracy of its test."""
    place = folder / f"{iterations}-{rng.random()}"
    place.mkdir()
    records, accuracies = Records(place, None), [0.0]
    epochs = options.epochs if iterations else 1
    for split, epoch in [*(("val", epoch) for epoch in range(1, epochs + 1)), ("test", epochs)]:
        accuracies = [rng.choice((0.4, 0.6, 0.8, 1.0) if iterations else (0.2, 0.4, 0.6)) for _ in range(options.tasks)]
        place_in_time = {"split": split, "iteration": iterations * epoch // epochs}
        records.episodes(
            [
                place_in_time | {"task": task, "accuracy": accuracy, "loss": rng.random()}
                for task, accuracy in enumerate(accuracies)
            ]
        )
    records.flush()
    return place / EPISODES, statistics.fmean(accuracies)


def status(cell: Cell) -> dict[str, object]:
    return {
        "iterations": cell.training.iterations,
        "seconds": 36_000.0,
        "status": "done",
        "reason": "",
        "plan": {"device": "cpu", "threads": 1, "tasks_at_once": 8},
        "environment": {"python": "3.11.7", "torch": "2.15.0", "device": "none", "host": "none"},
        "pool_hash": "f" * 64,
        "started": "2026-01-01T00:00:00+00:00",
    }


def result(cell: Cell, accuracy: float, options: argparse.Namespace, rng: random.Random) -> dict[str, object]:
    epochs = range(1, 1 + (options.epochs if cell.training.iterations else 1))
    return {
        "cell": cell.id,
        "iterations": cell.training.iterations,
        "parameters": 112_261,
        "val_accuracy": accuracy,
        "test_accuracy": accuracy,
        "test_ci95": 0.01,
        "test_loss": 0.5,
        "ensemble": min(5, len(epochs)),
        "ensemble_epochs": list(epochs)[:5],
        "epochs": [
            {"epoch": epoch, "iteration": 500 * epoch, "val_accuracy": rng.random(), "val_loss": rng.random()}
            for epoch in epochs
        ],
        "fingerprint": {
            "split_hash": "0123456789abcdef" * 4,
            "pool_hash": "f" * 64,
            "duplicates": [],
            "queries": 1,
            "batch_norm": "transductive",
            "rotations": "train",
            "inner_steps_test": 5,
            "evaluation_tasks": options.tasks,
            "evaluation_seed": 0,
            "ensemble": 5,
        },
    }


if __name__ == "__main__":
    main()
