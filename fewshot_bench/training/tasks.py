"""Streams of tasks on a device: where uint8 episodes become what a network is fed."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fewshot_bench.basics.seeds import seed_for
from fewshot_bench.data.datasets import DATASETS, Dataset
from fewshot_bench.data.episodes import EpisodeShape, episode_key, labels, sampler
from fewshot_bench.data.pool import Pool
from fewshot_bench.data.random import bits
from fewshot_bench.data.splits import ClassSplit, Part
from fewshot_bench.hypergradients.problem import Batch, Task
from fewshot_bench.training.settings import Cell

Stream = Callable[[int, int], Task]
"""(first, end) -> tasks first, first + 1, ... end - 1, on a leading axis of every tensor."""


class Streams(NamedTuple):
    """The tasks of a cell. Validation and test do not depend on the cell's seed."""

    train: Stream
    val: Stream
    test: Stream


def streams(cell: Cell, pool: Pool, split: ClassSplit, device: str) -> Streams:
    """The three task streams of a cell."""
    dataset = DATASETS[cell.dataset]
    train = EpisodeShape(cell.train_ways, cell.train_shots, cell.training.queries)
    test = EpisodeShape(cell.ways, cell.shots, cell.test_queries)

    def stream(part: Part, shape: EpisodeShape, seed: int, rotations: bool) -> Stream:
        key = episode_key(cell.dataset, cell.split, part, shape, seed)
        sample = sampler(pool, split.indices(part, pool), shape, rotations, key)
        keys = seed_for(key, "noise")

        def tasks(first: int, end: int) -> Task:
            indices = np.arange(first, end)
            episodes = sample(indices)
            return Task(
                Batch(images(episodes.support, dataset, device), targets(end - first, shape.ways, shape.shots, device)),
                Batch(images(episodes.query, dataset, device), targets(end - first, shape.ways, shape.queries, device)),
                torch.from_numpy(episodes.classes).to(device),
                torch.from_numpy(bits(keys, indices.astype(np.uint64)).view(np.int64)).to(device),
            )

        return tasks

    return Streams(
        train=stream("train", train, cell.seed, rotates(cell)),
        val=stream("val", test, cell.evaluation.seed, False),
        test=stream("test", test, cell.evaluation.seed, False),
    )


def rotates(cell: Cell) -> bool:
    """Whether training tasks turn their classes (the only ones that ever do, as in the fork)."""
    policy = cell.training.rotations
    return DATASETS[cell.dataset].rotations if policy == "dataset" else policy == "train"


def images(pixels: NDArray[np.uint8], dataset: Dataset, device: str) -> Tensor:
    """float32 on the device: pixels / 255, then (x - mean) / std by channel."""
    x = torch.from_numpy(pixels).to(device).float() / 255
    if set(dataset.mean) == {0.0} and set(dataset.std) == {1.0}:
        return x
    mean, std = (torch.tensor(values, device=device).view(-1, 1, 1) for values in (dataset.mean, dataset.std))
    return (x - mean) / std


def targets(tasks: int, ways: int, per_class: int, device: str) -> Tensor:
    """Labels [tasks, ways * per_class], the same for every task."""
    return torch.from_numpy(labels(ways, per_class)).to(device).expand(tasks, -1)
