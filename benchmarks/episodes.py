"""How fast tasks come on real Omniglot: tasks a second of this package, and of torchmeta's and learn2learn's loaders.

    uv run --extra peers benchmarks/episodes.py [--data-dir DIR] [--folder DIR] [--batches 1 8 100] [--rounds 5]
        [--seconds 1]

5-way 1-shot with 1 query, training classes with rotations, as float32 tensors on the CPU, one core (two more for
torchmeta's two workers). Each library as its own examples use it (benchmarks/loaders.py), and learn2learn also with all
its images in memory. They take turns; medians over the rounds. A peer that is not installed is told as such.

The peers read the two zip files of Omniglot, which have to be in the data folder. They are laid out for them in a
temporary folder, or in --folder, where they stay; that, and learn2learn's reading of every image, takes some minutes.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from benchmarks.loaders import Loader, learn2learn_loaders, ours, torchmeta_loaders
from fewshot_bench.basics.errors import BenchError
from fewshot_bench.data.locations import default_data_dir
from fewshot_bench.hypergradients.batching import tree_leaves

PIXELS = 5 * (1 + 1) * 28 * 28  # of a task
UNTIMED = 5  # batches: as many as torchmeta's workers have ready before they are asked, and one


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, default=default_data_dir())
    parser.add_argument("--folder", type=Path, help="for what the peers read; kept")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8, 100], help="tasks a batch")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="of one loader in one round, about")
    options = parser.parse_args(words)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as temporary:
        loaders = [ours(options.data_dir)]
        for peers in (torchmeta_loaders, learn2learn_loaders):
            try:
                loaders += peers(options.data_dir, options.folder or Path(temporary))
            except BenchError as fault:
                print(f"Left out: {fault}\n")
        print("| tasks a batch | loader | tasks a second | ours / it |\n|---|---|---|---|")
        for batch in options.batches:
            rounds = [[rate(loader, batch, options.seconds) for loader in loaders] for _ in range(options.rounds)]
            rates = [statistics.median(values) for values in zip(*rounds, strict=True)]
            for loader, found in zip(loaders, rates, strict=True):
                print(f"| {batch} | {loader.name} | {found:,.0f} | {rates[0] / found:,.1f} |", flush=True)


def rate(loader: Loader, batch: int, seconds: float) -> float:
    """Tasks a second over about so many seconds, always new ones."""
    with loader.opened(batch) as load:
        for _ in range(UNTIMED):
            check(load(), batch)
        done, begun = 0, time.perf_counter()
        while time.perf_counter() - begun < seconds:
            load()
            done += batch
        return done / (time.perf_counter() - begun)


def check(tasks: Any, batch: int) -> None:
    """Raises ValueError where what was loaded is not so many tasks as float32 images between black and white."""
    images = [leaf for leaf in tree_leaves(tasks) if leaf.is_floating_point()]
    if sum(leaf.numel() for leaf in images) != batch * PIXELS or {leaf.dtype for leaf in images} != {torch.float32}:
        raise ValueError(f"not {batch} tasks: {[(leaf.shape, leaf.dtype) for leaf in images]}")
    if not all(leaf.min() >= 0 and leaf.max() <= 1 for leaf in images):
        raise ValueError("images are not between 0 and 1")


if __name__ == "__main__":
    main()
