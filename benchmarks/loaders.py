"""Omniglot's training tasks by this package, torchmeta and learn2learn, each as its own examples have it."""

import importlib
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

from fewshot_bench.basics.counting import counted
from fewshot_bench.basics.errors import BenchError
from fewshot_bench.cells.cell import Cell, Training
from fewshot_bench.data.datasets import dataset_named, open_pool
from fewshot_bench.data.locations import raw_places
from fewshot_bench.data.splits import read_split
from fewshot_bench.peers.importing import learn2learn, torchmeta
from fewshot_bench.training.tasks import streams

WAYS, SHOTS, QUERIES = 5, 1, 1
ZIPS = ("images_background", "images_evaluation")

Load = Callable[[], Any]
"""The next batch of tasks: tensors in whatever form the library has for them."""


class Loader(NamedTuple):
    """opened: for batches of so many tasks."""

    name: str
    opened: Callable[[int], AbstractContextManager[Load]]


def ours(data_dir: Path) -> Loader:
    """The stream that training takes its tasks from."""
    cell = Cell(
        dataset="omniglot",
        split="gimli",
        ways=WAYS,
        shots=SHOTS,
        learner="maml",
        backbone="vgg",
        inner_optimizer="sgd",
        seed=0,
        training=Training(queries=QUERIES),
    )
    train = streams(cell, open_pool(dataset_named("omniglot"), data_dir), read_split("omniglot", "gimli"), "cpu").train

    @contextmanager
    def opened(batch: int) -> Iterator[Load]:
        places = count(0, batch)

        def load() -> Any:
            first = next(places)
            return train(first, first + batch)

        yield load

    return Loader("this package", opened)


def torchmeta_loaders(data_dir: Path, folder: Path) -> list[Loader]:
    """helpers.omniglot and BatchMetaDataLoader as in the README, in this process and with two workers.

    Raises BenchError where the library is not installed or Omniglot's zip files are not there.
    """
    tasks = torchmeta().utils.data.task
    tasks.SubsetTask.__getitems__ = lambda task, indices: [task[index] for index in indices]  # torch 2.2 and later ask
    helpers = importlib.import_module("torchmeta.datasets.helpers")
    data = importlib.import_module("torchmeta.utils.data")
    extracted(data_dir, folder / "omniglot")
    # Finding the zip files extracted, `download` makes an HDF5 file of them and downloads nothing.
    dataset = partial(
        helpers.omniglot, str(folder), shots=SHOTS, ways=WAYS, test_shots=QUERIES, meta_train=True, download=True
    )
    dataset()

    @contextmanager
    def opened(workers: int, batch: int) -> Iterator[Load]:
        batches = iter(data.BatchMetaDataLoader(dataset(), batch_size=batch, num_workers=workers))
        yield partial(next, batches)
        del batches  # and its workers

    return [
        Loader(f"torchmeta, {counted(workers, 'worker')}" if workers else "torchmeta", partial(opened, workers))
        for workers in (0, 2)
    ]


def learn2learn_loaders(data_dir: Path, folder: Path) -> list[Loader]:
    """The benchmark tasksets, the chain of transforms of the library's first examples, and that with images in memory.

    Raises BenchError where the library is not installed or Omniglot's zip files are not there.
    """
    library = learn2learn()
    transforms, vision = library.data.transforms, library.vision
    extracted(data_dir, folder / "omniglot-py")  # where torchvision looks
    per_class = SHOTS + QUERIES
    omniglot = importlib.import_module("torchvision.datasets").Omniglot
    with patch.object(omniglot, "_check_integrity", lambda self: True):  # zip files that were packed anew will do
        sets = vision.benchmarks.get_tasksets("omniglot", train_ways=WAYS, train_samples=per_class, root=str(folder))
    files = sets.train.dataset.dataset
    memory = library.data.MetaDataset(library.data.OnDeviceDataset(files))
    quarters = [0.0, 90.0, 180.0, 270.0]

    def chained(dataset: Any) -> Any:
        chain = [
            transforms.NWays(dataset, WAYS),
            transforms.KShots(dataset, per_class),
            transforms.LoadData(dataset),
            transforms.RemapLabels(dataset),
            transforms.ConsecutiveLabels(dataset),
            vision.transforms.RandomClassRotation(dataset, quarters),
        ]
        return library.data.TaskDataset(dataset, task_transforms=chain)

    @contextmanager
    def opened(taskset: Any, batch: int) -> Iterator[Load]:
        yield lambda: [taskset.sample() for _ in range(batch)]

    return [
        Loader("learn2learn, benchmark tasksets", partial(opened, sets.train)),
        Loader("learn2learn, NWays and KShots", partial(opened, chained(sets.train.dataset))),
        Loader("learn2learn, the same with images in memory", partial(opened, chained(memory))),
    ]


def extracted(data_dir: Path, folder: Path) -> None:
    """The two zip files, linked and extracted in `folder`, unless it is there already.

    Raises BenchError where the data folder has them nowhere.
    """
    if folder.exists():
        return
    places = raw_places(dataset_named("omniglot"), data_dir)
    for name in ZIPS:
        found = next((place / f"{name}.zip" for place in places if (place / f"{name}.zip").is_file()), None)
        if found is None:
            raise BenchError(f"{name}.zip, which other libraries read, is in none of {', '.join(map(str, places))}.")
        with zipfile.ZipFile(found) as archive:
            archive.extractall(folder)
        (folder / found.name).symlink_to(found.resolve())
