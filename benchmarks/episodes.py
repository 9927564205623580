"""How fast episodes are drawn, gathered and rotated: tasks a second on real Omniglot.

    uv run benchmarks/episodes.py [--data-dir DIR]

5-way 1-shot with 1 query, training classes of the split `gimli` with rotations, uint8 images in memory at the end.
Prints the median of several runs for different batch sizes, on one core (sampling does not use more).
"""

import argparse
import statistics
import time
from pathlib import Path

import numpy as np

from fewshot_bench.data.datasets import open_pool
from fewshot_bench.data.episodes import EpisodeShape, sampler
from fewshot_bench.data.locations import default_data_dir
from fewshot_bench.data.splits import read_split

BATCHES = (8, 100, 1000)
SECONDS, RUNS = 1.0, 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, default=default_data_dir())
    pool = open_pool("omniglot", parser.parse_args().data_dir)
    members = read_split("omniglot", "gimli").indices("train", pool)
    sample = sampler(pool, members, EpisodeShape(ways=5, shots=1, queries=1), True, "benchmark")
    for batch in BATCHES:
        rates = [rate(sample, batch) for _ in range(RUNS)]
        print(f"{batch:5} tasks a call: {statistics.median(rates):10,.0f} tasks a second")


def rate(sample, batch: int) -> float:
    """Tasks a second over about SECONDS, always new ones."""
    first, begun = 0, time.perf_counter()
    while time.perf_counter() - begun < SECONDS:
        sample(np.arange(first, first + batch))
        first += batch
    return first / (time.perf_counter() - begun)


if __name__ == "__main__":
    main()
