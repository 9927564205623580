"""The pool of a user's images in a data folder: made under a name, and removed by it."""

import difflib
import re
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock

from fewshot_bench.basics.counting import counted
from fewshot_bench.basics.errors import BenchError, DataError
from fewshot_bench.basics.files import cannot_write, sweep
from fewshot_bench.basics.names import unknown
from fewshot_bench.data.dataset import Dataset, check_size
from fewshot_bench.data.datasets import DATASETS, dataset_named, find_dataset, prepare_pool
from fewshot_bench.data.imported import IMPORTED, hash_of, imported, imported_names
from fewshot_bench.data.importing.items import Items
from fewshot_bench.data.importing.planning import SPLIT, ImportOptions, ImportPlan, planned_import
from fewshot_bench.data.locations import place_for_pool, pool_roots, prepared_pool
from fewshot_bench.data.pool import IMAGES, MANIFEST, Pool, Progress, read_pool, silent, write_pool
from fewshot_bench.data.raw import Raw

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{,99}")
"""Names of imported datasets. Folders of cells and rows of tables have them too."""


class ImportedPool(NamedTuple):
    """dataset: as grids know it; pool: its images; place: the pool's folder; notes: one line each, for the user."""

    dataset: Dataset
    pool: Pool
    place: Path
    notes: tuple[str, ...]


def import_images(
    source: Path | Items, name: str, options: ImportOptions, data_dir: Path, progress: Progress = silent
) -> ImportedPool:
    """Make the pool of a user's images in a data folder, as the dataset `name`. The images are only read.

    An older import of that name is replaced when the new pool is whole. Its cells stay; new runs make other cells.

    Raises:
        BenchError: If the name cannot be used, or if the size is out of range.
        DataError: With all faults of the images; no pool is written then.
    """
    _check_name(name, data_dir)
    _check_meant(name, source)
    check_size(name, options.size)
    older = None
    if name in imported_names(data_dir):
        with suppress(DataError):  # an older pool that is broken is replaced
            older = hash_of(_pool_of(name, data_dir))
    plan = planned_import(source, options, progress)
    parts = tuple(len(names) for names in plan.manifest["splits"][SPLIT].values())
    known = imported(name, size=options.size, channels=plan.shape.channels, split=SPLIT, parts=parts, pool="")
    place = place_for_pool(known, data_dir, create=True)
    where = source if isinstance(source, Path) else Path()
    try:
        pool = prepare_pool(known, Raw(plan.manifest["source"]["layout"], where, partial(_written, plan)), place)
    except BaseException:
        with suppress(OSError):  # an older pool is in it, or it was never made
            place.rmdir()
        raise
    if prepared_pool(known, data_dir) != place:
        raise DataError(f"{name} was prepared in {place}, but an older pool comes first. Remove {name}, and try again.")
    return ImportedPool(find_dataset(name, data_dir), pool, place, _notes(plan, pool, older))


def remove_pool(name: str, data_dir: Path) -> list[Path]:
    """Remove the prepared pool of a dataset; returns its folders. Raw files, a user's images and results stay.

    Args:
        name: Of a dataset, or of the folder of its pool: `mini-imagenet-128` is mini-imagenet with size = 128.
        data_dir: The data folder.

    Raises:
        BenchError: If there is no such pool, or if it cannot be removed.
    """
    roots = {*pool_roots(data_dir), *pool_roots(data_dir, drawn=True)}
    found = {place.parent for root in roots for place in root.glob(f"*/{MANIFEST}")}
    folder = dataset_named(name).pool_name if name in DATASETS else name.replace(":", "-").replace("/", "-")
    places = sorted(place for place in found if place.name == folder)
    if not places:
        known = {place.name for place in found}
        none = f"no pool is prepared for the data folder {data_dir}, so there is nothing to remove."
        raise BenchError(unknown("pool", name, known) if known else none)
    for place in places:
        try:
            with FileLock(place.parent / f".{place.name}.lock"):
                for file in (MANIFEST, IMAGES):  # without its manifest it is no pool
                    (place / file).unlink(missing_ok=True)
                sweep(place)
                with suppress(OSError):  # somebody put other files there
                    place.rmdir()
        except OSError as error:
            raise cannot_write(place, error) from error
    return places


def _written(plan: ImportPlan, folder: Path, progress: Progress) -> Pool:
    """The pool of a plan, whose own progress is shown."""
    return write_pool(folder, plan.classes, plan.counts, plan.shape, plan.fill, plan.manifest)


def _check_name(name: str, data_dir: Path) -> None:
    """Raises BenchError if the name is one of the package's datasets, or of their pools, or has other characters."""
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise BenchError(
            f"{name!r} cannot name a dataset. Take letters, digits, points, hyphens and underscores, at most 100."
        )
    if name in DATASETS or any(name.startswith(f"{known}-") for known in DATASETS):
        raise BenchError(f"{name!r} is a dataset of the package, or an option of one. Take another name.")
    if name not in imported_names(data_dir) and any(
        (root / name / MANIFEST).is_file() for root in pool_roots(data_dir)
    ):
        raise BenchError(f"{name!r} is the pool of another dataset in {data_dir}. Take another name.")


def _check_meant(name: str, source: Path | Items) -> None:
    """Raises BenchError if the name is nearly that of a dataset of the package, and the source holds its files."""
    for near in difflib.get_close_matches(name, list(DATASETS), cutoff=0.6):
        known = dataset_named(near)
        if isinstance(source, Path) and source.exists() and _is_raw(known, source):
            raise BenchError(
                f"{unknown('dataset', name, DATASETS)} {source} holds {near}: run `fewshot-bench data import {near} "
                f"--from {source}`. To import its images as your own, take a name that is less alike."
            )


def _is_raw(known: Dataset, source: Path) -> bool:
    """Whether a path holds raw data of a dataset, complete or not."""
    try:
        return not known.drawn and known.find_raw(source) is not None
    except DataError:
        return True


def _pool_of(name: str, data_dir: Path) -> Pool:
    return read_pool(next(root / name for root in pool_roots(data_dir) if (root / name / MANIFEST).is_file()))


def _notes(plan: ImportPlan, pool: Pool, older: str | None) -> tuple[str, ...]:
    """Those of the plan, what was done to images, and whether an older import was another one."""
    notes, about = list(plan.notes), pool.manifest[IMPORTED]
    if about["on_white"]:
        notes.append(f"{counted(about['on_white'], 'transparent image')} put on white")
    if about["enlarged"]:
        notes.append(f"{counted(about['enlarged'], 'image')} enlarged to {plan.shape.width} pixels a side")
    if older not in (None, hash_of(pool)):
        notes.append(
            "replaces an older import with other images or another split; its cells stay, new runs make others"
        )
    return tuple(notes)
