"""The datasets that a grid may name, and their pools: prepared and opened."""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from fewshot_bench.basics.errors import BenchError, DataError
from fewshot_bench.basics.files import sweep
from fewshot_bench.basics.names import find, lazy, unknown
from fewshot_bench.basics.options import Option, schema
from fewshot_bench.cells.cell import Cell, Options
from fewshot_bench.data.dataset import Dataset
from fewshot_bench.data.imported import check_import, imported, imported_names, recorded_options
from fewshot_bench.data.locations import place_for_pool, prepared_pool, raw_places
from fewshot_bench.data.own import find_raw, is_current, prepared, recorded_datasets, users_dataset
from fewshot_bench.data.pool import MANIFEST, Pool, Progress, read_pool, silent
from fewshot_bench.data.raw import Raw
from fewshot_bench.data.splits import PARTS, ClassSplit, Groups, check_images, split_in

DATASETS: dict[str, Callable[..., Dataset]] = {
    "omniglot": lazy("fewshot_bench.data.omniglot:omniglot"),
    "mini-imagenet": lazy("fewshot_bench.data.mini_imagenet:mini_imagenet"),
    "glyphs": lazy("fewshot_bench.data.glyphs:glyphs"),
    "sinusoid": lazy("fewshot_bench.data.sinusoid:sinusoid"),
    "cifar-fs": lazy("fewshot_bench.data.cifar_100:cifar_fs"),
    "fc100": lazy("fewshot_bench.data.cifar_100:fc100"),
    "cub": lazy("fewshot_bench.data.cub:cub"),
    "tiered-imagenet": lazy("fewshot_bench.data.tiered_imagenet:tiered_imagenet"),
}
"""Name in a grid -> function of options that returns the dataset. Imported folders of images have names too."""


def dataset_named(name: str, options: Options = ()) -> Dataset:
    """The dataset that a grid calls `name`: one of DATASETS, an import path, or an imported folder of images.

    Args:
        name: Its name.
        options: Options that differ from the defaults. Those of an imported dataset say which pool is meant.

    Raises:
        BenchError: If there is no such dataset (with the nearest name), or if the function at an import path failed or
            returns something else.
    """
    if name not in DATASETS and ":" not in name:
        if not options:
            raise BenchError(unknown("dataset", name, DATASETS))
        return imported(name, **dict(options))
    make = find("dataset", name, DATASETS)
    if name not in DATASETS:
        return users_dataset(make, name, options)
    try:
        return make(**dict(options))
    except ValueError as error:  # an option out of range
        raise BenchError(f"dataset {name!r}: {error}") from error


DataOf = tuple[str, Options, str, Options]
"""Names and options of the datasets of training and of test: what cells with the same pools have in common."""

Pools = dict[DataOf, Pool]


def data_of(cell: Cell) -> DataOf:
    """The names and options of a cell's datasets."""
    return cell.dataset, cell.dataset_options, cell.test_dataset, cell.test_dataset_options


def dataset_of(cell: Cell) -> Dataset:
    """The dataset that a cell is trained on."""
    return dataset_named(cell.dataset, cell.dataset_options)


def test_dataset_of(cell: Cell) -> Dataset:
    """The dataset of a cell's validation and test: that of training, if `evaluation.dataset` names no other."""
    if cell.evaluation.dataset is None:
        return dataset_of(cell)
    return dataset_named(cell.evaluation.dataset, cell.test_dataset_options)


def open_pool_of(cell: Cell, data_dir: Path, progress: Progress = silent) -> Pool:
    """The pool of a cell's dataset, with that of its test dataset if it has another. Raises as `open_pool`."""
    known = dataset_of(cell)
    pool = open_pool(known, data_dir, progress)
    check_import(known, pool)
    if cell.evaluation.dataset is None:
        return pool
    tested_on = open_pool(test_dataset_of(cell), data_dir, progress)
    check_import(test_dataset_of(cell), tested_on)
    return pool._replace(tested_on=tested_on)


def test_split_of(cell: Cell, pool: Pool) -> ClassSplit:
    """The class split of a cell's validation and test. pool: of the cell."""
    return split_in(test_dataset_of(cell).splits, cell.test_split, pool.tested_on or pool)


def find_dataset(name: str, data_dir: Path, options: Options = ()) -> Dataset:
    """The dataset called `name`, which may be a folder of images that was imported into `data_dir`.

    Raises BenchError with the nearest name if there is none.
    """
    return dataset_named(name, options_in(name, data_dir) or options)


def options_in(name: str, data_dir: Path) -> Options:
    """The options that say which pool an imported dataset has; () for other datasets.

    Raises BenchError if there is no dataset of that name.
    """
    if name in DATASETS or ":" in name:
        return ()
    if name not in imported_names(data_dir):
        known = [*DATASETS, *imported_names(data_dir)]
        raise BenchError(
            f"{unknown('dataset', name, known)} To use your own images, run "
            f"`fewshot-bench data import NAME --from DIR`; their pool is looked for in {data_dir}."
        )
    return recorded_options(name, data_dir)


def options_known(name: str, data_dir: Path) -> dict[str, Option]:
    """The options of a dataset, with their types and defaults.

    Those of an imported folder of images were chosen when it was imported. Raises BenchError as `options_in` does.
    """
    recorded = options_in(name, data_dir)
    if recorded:
        return {key: Option(type(value), value) for key, value in recorded}
    return schema(find("dataset", name, DATASETS))


def all_datasets(data_dir: Path) -> list[Dataset]:
    """The package's datasets, those imported into a data folder, and users' own that have a pool for it."""
    own = [dataset_named(name) for name in DATASETS]
    return own + [find_dataset(name, data_dir) for name in imported_names(data_dir)] + users_datasets(data_dir)


def users_datasets(data_dir: Path, name: str | None = None) -> list[Dataset]:
    """Datasets of users' functions that have a pool for a data folder, if the functions can still be imported.

    name: of one of them; it may have pools with several options.
    """
    found = []
    for path, options in recorded_datasets(data_dir):
        if name in (None, path):
            with suppress(BenchError):
                found.append(dataset_named(path, options))
    return found


def open_pool(known: Dataset, data_dir: Path, progress: Progress = silent) -> Pool:
    """The pool of a dataset: the prepared one, or else one prepared now from the raw files in `data_dir`.

    Raises DataError if there are neither, or if the raw files are damaged or incomplete.
    """
    if known.draw_tasks is not None:
        return empty_pool(known)
    there = prepared_pool(known, data_dir)
    if there is not None:
        pool = read_pool(there)
        if is_current(known, pool):
            return pool
    raw = raw_data(known, data_dir)
    return prepare_pool(known, raw, place_for_pool(known, data_dir), progress, afresh=False)


def empty_pool(known: Dataset) -> Pool:
    """The pool of a dataset whose tasks are drawn: it has no images, and its hash is of the dataset's edition."""
    nothing = hashlib.sha256(f"{known.name} {known.edition}".encode()).hexdigest()
    splits: dict[str, dict[str, list[str]]] = {name: {part: [] for part in PARTS} for name in known.splits}
    manifest: dict[str, Any] = {"pool_hash": nothing, "known_as": None, "duplicates": [], "splits": splits}
    return Pool(np.zeros((0, *known.shape), np.uint8), np.zeros(1, np.int64), (), manifest)


def raw_data(known: Dataset, data_dir: Path) -> Raw:
    """The raw files of a dataset in a data folder. Raises DataError if there are none."""
    for place in raw_places(known, data_dir):
        raw = find_raw(known, place)
        if raw is not None:
            return raw
    raise DataError(f"no {known.name} in {data_dir}: neither a pool nor raw files. {_remedy(known)}")


def _remedy(known: Dataset) -> str:
    if ":" in known.name:
        layouts = "" if known.layouts == Dataset._field_defaults["layouts"] else f" It recognises: {known.layouts}."
        return f"Its `find_raw` returned None.{layouts} Put its images there, or name their folder by --data-dir."
    get = f"Run `fewshot-bench data get {known.name}`, or " if known.downloads else "Run "
    return (
        f"{get}`fewshot-bench data import {known.name} --from PATH` with the files you have, or name their folder by "
        "--data-dir."
    )


def prepare_pool(known: Dataset, raw: Raw, folder: Path, progress: Progress = silent, afresh: bool = True) -> Pool:
    """Make the pool of `known` from `raw` in `folder`; a second process waits for the first.

    afresh: replace a pool that is already there; otherwise it is used if it is current.

    Raises DataError if the raw data is damaged, or if its images are not what a user's dataset says; no pool is left.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BenchError(
            f"cannot make {folder} for the prepared pool: {error.strerror}. Name another --data-dir."
        ) from error
    with FileLock(folder.parent / f".{folder.name}.lock"):
        if not afresh and (folder / MANIFEST).is_file():
            pool = read_pool(folder)
            if is_current(known, pool):
                return pool
        sweep(folder)  # nobody else writes here under the lock
        return prepared(known, raw, folder, progress)


def split_of(known: Dataset, name: str, pool: Pool) -> ClassSplit:
    """A class split of a dataset, after a check that no image lies in two parts. Raises DataError if one does."""
    split = split_in(known.splits, name, pool)
    check_images(known.name, split, pool, tolerated(known, pool))
    return split


def tolerated(known: Dataset, pool: Pool) -> Groups:
    """The groups of equal images that may lie in different parts of a split."""
    groups: Groups = pool.manifest["duplicates"] if known.duplicates is None else known.duplicates
    return groups
