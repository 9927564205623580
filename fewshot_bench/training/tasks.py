"""Streams of tasks on a device: task indices become batches of normalised images for a network.

On a CPU, images are gathered in memory. To a GPU, the images of a part are copied once, as bytes, and later only
indices.
"""

from collections.abc import Callable
from functools import cache, lru_cache
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fewshot_bench.basics.seeds import bits, seed_for
from fewshot_bench.cells.cell import Cell
from fewshot_bench.data.dataset import Dataset, DrawTasks
from fewshot_bench.data.datasets import dataset_of
from fewshot_bench.data.pool import Pool
from fewshot_bench.data.splits import ClassSplit, Part
from fewshot_bench.data.tasks import Bank, TaskShape, bank_of, copied, draw, gathered, labels, rows, task_key
from fewshot_bench.hypergradients.problem import Batch, Task
from fewshot_bench.training.augmentation import augmented, numbers

AHEAD = 512  # tasks drawn together; takes about as long as drawing one, and a GPU waits less often

Stream = Callable[[int, int], Task]
"""(first, end) -> tasks first, first + 1, ... end - 1, on a leading axis of every tensor."""


class Streams(NamedTuple):
    """The tasks of a cell. Validation and test do not depend on the cell's seed."""

    train: Stream
    val: Stream
    test: Stream


class TaskRows(NamedTuple):
    """Tasks as index tensors on a device. support, query: rows of a bank, [tasks, ways, per_class]."""

    support: Tensor
    query: Tensor
    classes: Tensor
    key: Tensor


def streams(cell: Cell, pool: Pool, split: ClassSplit, device: str, test_split: ClassSplit | None = None) -> Streams:
    """The three task streams of a cell.

    Images of another dataset of the test are normalised as those of training, which the network knows. test_split: of
    validation and test; None: `split`.

    If the device is not the CPU, the images of a part are copied to it as bytes when the part's first tasks are drawn.
    Later only indices are copied, those of AHEAD tasks at a time.
    """
    dataset = dataset_of(cell)
    train = TaskShape(cell.train_ways, cell.train_shots, cell.training.queries)
    test = TaskShape(cell.ways, cell.shots, cell.test_queries)

    def stream(part: Part, shape: TaskShape, seed: int, rotations: bool) -> Stream:
        own = part == "train"
        name, split_name = (cell.dataset, cell.split) if own else (cell.test_dataset, cell.test_split)
        key = task_key(name, split_name, part, shape, seed)
        if dataset.draw_tasks is not None:
            return drawn(dataset.draw_tasks, key, shape, device)
        images = pool if own else pool.tested_on or pool
        members = (split if own else test_split or split).indices(part, images)
        bank = bank_of(images, members, rotations) if device == "cpu" else copied(images, members, rotations)
        augment = augmenter(dataset, key, device) if own and cell.training.augmentation is not None else None
        scaled = dataset if augment is None else dataset._replace(mean=(0.0,), std=(1.0,))
        gather = in_memory(bank, scaled) if device == "cpu" else on_device(bank, scaled, device)
        task_rows = _cached_rows(key, bank, shape, rotations, device)
        of_support, of_query = (
            torch.from_numpy(labels(shape.ways, count)).to(device) for count in (shape.shots, shape.queries)
        )

        def tasks(first: int, end: int) -> Task:
            support, query, classes, keys = task_rows(first, end)
            images = gather(support), gather(query)
            if augment is not None:
                images = augment(images, first, end)
            return Task(
                Batch(images[0], of_support.expand(end - first, -1)),
                Batch(images[1], of_query.expand(end - first, -1)),
                classes,
                keys,
            )

        return tasks

    return Streams(
        train=stream("train", train, cell.seed, rotates(cell)),
        val=stream("val", test, cell.evaluation.seed, False),
        test=stream("test", test, cell.evaluation.seed, False),
    )


def drawn(draw_tasks: DrawTasks, key: str, shape: TaskShape, device: str) -> Stream:
    """The stream of a dataset whose tasks are drawn and not stored."""
    keys = seed_for(key, "noise")

    def tasks(first: int, end: int) -> Task:
        indices = np.arange(first, end)
        x, y = (torch.from_numpy(part).to(device) for part in draw_tasks(key, indices, shape))
        noise = bits(keys, indices.astype(np.uint64)).view(np.int64)
        classes = np.tile(np.arange(shape.ways), (end - first, 1))
        support, query = (
            Batch(x[:, part].contiguous(), y[:, part].contiguous())  # traced programs take no other layout
            for part in (slice(shape.shots), slice(shape.shots, None))
        )
        return Task(
            support,
            query,
            moved(classes, device),
            moved(noise, device),
        )

    return tasks


def rotates(cell: Cell) -> bool:
    """Whether training tasks rotate their classes. As in the fork, evaluation tasks never do."""
    policy = cell.training.rotations
    return dataset_of(cell).rotations if policy == "dataset" else policy == "train"


def _cached_rows(
    key: str, bank: Bank, shape: TaskShape, rotations: bool, device: str
) -> Callable[[int, int], TaskRows]:
    """A function (first, end) -> tasks first, first + 1, ... end - 1.

    Drawing one task takes about as long as drawing AHEAD of them, so the last two blocks of AHEAD tasks are kept.
    """
    keys = seed_for(key, "noise")

    @lru_cache(maxsize=2)
    def block(number: int) -> TaskRows:
        indices = np.arange(number * AHEAD, (number + 1) * AHEAD)
        chosen = draw(key, indices, shape, bank.counts, rotations)
        support, query = np.split(rows(chosen, bank), [shape.shots], axis=-1)
        noise = bits(keys, indices.astype(np.uint64)).view(np.int64)
        return TaskRows(*(moved(array, device) for array in (support, query, chosen.classes, noise)))

    def task_rows(first: int, end: int) -> TaskRows:
        parts = []
        for number in range(first // AHEAD, -(-end // AHEAD)):
            start = number * AHEAD
            parts.append([whole[max(0, first - start) : end - start] for whole in block(number)])
        return TaskRows(*(torch.cat(pieces) if len(pieces) > 1 else pieces[0] for pieces in zip(*parts, strict=True)))

    return task_rows


Gather = Callable[[Tensor], Tensor]
"""Rows of a bank [tasks, ways, per_class], on the device -> float32 images [tasks, ways * per_class, c, h, w]."""


def in_memory(bank: Bank, dataset: Dataset) -> Gather:
    """Gather on the CPU, from the bank's images in memory."""
    images, normalised = bank.read(), normaliser(dataset, "cpu")
    return lambda rows: normalised(torch.from_numpy(gathered(images, rows.numpy())))


def on_device(bank: Bank, dataset: Dataset, device: str) -> Gather:
    """Gather on a device. The first call copies the bank's images there, as bytes."""
    normalised = normaliser(dataset, device)
    held = cache(lambda: torch.from_numpy(bank.read()).to(device))

    def gather(rows: Tensor) -> Tensor:
        tasks, ways, per_class = rows.shape
        images = held().index_select(0, rows.reshape(-1))
        return normalised(images.view(tasks, ways * per_class, *images.shape[1:]))

    return gather


Augment = Callable[[tuple[Tensor, Tensor], int, int], tuple[Tensor, Tensor]]
"""(support and query images in [0, 1], first, end) -> the same of tasks first ... end - 1, augmented and normalised."""


def augmenter(dataset: Dataset, key: str, device: str) -> Augment:
    """The augmentation of a stream's training images (training/augmentation.py). key: of the stream."""
    mean, std = (torch.tensor(values, device=device).view(-1, 1, 1) for values in (dataset.mean, dataset.std))

    def augment(images: tuple[Tensor, Tensor], first: int, end: int) -> tuple[Tensor, Tensor]:
        both = torch.cat(images, 1)
        drawn = torch.from_numpy(numbers(key, np.arange(first, end), both.shape[1])).to(device, torch.float32)
        changed = augmented(both.flatten(0, 1), drawn.flatten(0, 1)).sub(mean).div(std).view(both.shape)
        support, query = changed.split([part.shape[1] for part in images], 1)
        return support.contiguous(), query.contiguous()  # traced programs take no other layout

    return augment


def normaliser(dataset: Dataset, device: str) -> Callable[[Tensor], Tensor]:
    """A function from bytes to float32: pixels / 255, then (x - mean) / std by channel.

    It works in place: on a CPU, allocating another large tensor takes many times as long as the arithmetic.
    """
    if set(dataset.mean) == {0.0} and set(dataset.std) == {1.0}:
        return lambda pixels: pixels.float().div_(255)
    mean, std = (torch.tensor(values, device=device).view(-1, 1, 1) for values in (dataset.mean, dataset.std))
    return lambda pixels: pixels.float().div_(255).sub_(mean).div_(std)


def moved(array: NDArray[np.int64], device: str) -> Tensor:
    """The array on a device. The copy to a GPU is asynchronous."""
    tensor = torch.from_numpy(np.ascontiguousarray(array))
    return tensor.pin_memory().to(device, non_blocking=True) if device.startswith("cuda") else tensor.to(device)
