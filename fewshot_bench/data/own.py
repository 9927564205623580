"""Datasets that a user's function defines: made and checked; their pools prepared and compared with what it says.

A pool records the hash of that code, as a cell does (cells/code.py). After an edit the pool is made anew, so a cell
never mixes the new code with images that the old code made.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

import numpy as np

from fewshot_bench.basics.counting import counted
from fewshot_bench.basics.errors import BenchError, DataError
from fewshot_bench.basics.images import ImageShape
from fewshot_bench.basics.options import frozen
from fewshot_bench.basics.source import source_of
from fewshot_bench.cells.cell import Options
from fewshot_bench.data.dataset import Dataset, check_dataset
from fewshot_bench.data.locations import pool_roots
from fewshot_bench.data.pool import MANIFEST, Pool, Progress, read_pool, with_entries
from fewshot_bench.data.raw import Raw
from fewshot_bench.data.splits import PARTS, SplitSizes, split_in

EDITION, CODE, FUNCTION = "edition", "code", "function"
"""Entries of a manifest: the dataset's edition (1 if absent); file or distribution -> its hash or version; and the
import path and options of the user's function."""

T = TypeVar("T")


@lru_cache(maxsize=64)  # grids ask for it once a cell, and a user's function may read files
def users_dataset(make: Callable[..., Dataset], name: str, options: Options) -> Dataset:
    """The dataset of a function at the import path `name`, checked.

    Its name is the path, and its pools differ by options, so two functions' datasets never share tasks or pools.
    """
    try:
        made = make(**dict(options))
    except BenchError as error:
        raise BenchError(f"dataset {name!r}: {error}") from error
    except Exception as error:  # a user's function may raise any error
        raise BenchError(f"dataset {name!r}: {type(error).__name__}: {error}") from error
    if not isinstance(made, Dataset):
        raise BenchError(f"dataset {name!r} returns a {type(made).__name__}; it has to return a Dataset.")
    check_dataset(made._replace(name=name))
    variant = made.variant or _variant(options)
    return made._replace(name=name, shape=ImageShape(*made.shape), variant=variant, options=options)


def _variant(options: Options) -> str:
    """Options as a part of a folder's name: numbers are shown, anything else is hashed."""
    if all(isinstance(value, bool | int | float) for _, value in options):
        return "-".join(f"{key}={value}" for key, value in options)
    return hashlib.sha256(repr(options).encode()).hexdigest()[:12]


def find_raw(known: Dataset, place: Path) -> Raw | None:
    """`known.find_raw(place)`. Raises DataError if a user's function fails, or returns neither a Raw nor None."""
    if ":" not in known.name:
        return known.find_raw(place)
    raw = _called(known, "find_raw", lambda: known.find_raw(place))
    if raw is not None and not isinstance(raw, Raw):
        raise DataError(
            f"dataset {known.name!r}: `find_raw` returns a {type(raw).__name__} for {place}. It has to return a "
            "Raw, or None if its images are not there."
        )
    return raw


def is_current(known: Dataset, pool: Pool) -> bool:
    """Whether a pool was made by this edition of its dataset and, if that is a user's function, by its present code."""
    return pool.manifest.get(EDITION, 1) == known.edition and pool.manifest.get(CODE, {}) == _code(known)


def prepared(known: Dataset, raw: Raw, folder: Path, progress: Progress) -> Pool:
    """The pool that is made from raw data in `folder`. That of a user's function is checked.

    Raises DataError if the function fails or makes other images than its dataset says. Then no pool is left.
    """
    if ":" not in known.name:
        return raw.prepare(folder, progress)
    pool = _called(known, "preparing its images", lambda: raw.prepare(folder, progress))
    try:
        if not isinstance(pool, Pool) or not (folder / MANIFEST).is_file():
            raise DataError(
                f"dataset {known.name!r}: `prepare` of its Raw returns a {type(pool).__name__}, but has to make a pool "
                "in the given folder. data.raw_images.raw_images does that."
            )
        check_pool(known, read_pool(folder))
    except BenchError:
        shutil.rmtree(folder)
        raise
    entries = {EDITION: known.edition, CODE: _code(known), FUNCTION: [known.name, known.options]}
    return with_entries(folder, entries)


def recorded_datasets(data_dir: Path) -> list[tuple[str, Options]]:
    """The import paths and options of users' datasets that have a pool for a data folder."""
    found: dict[tuple[str, Options], None] = {}
    for root in dict.fromkeys((*pool_roots(data_dir), *pool_roots(data_dir, drawn=True))):
        for file in sorted(root.glob(f"*/{MANIFEST}")):
            text = file.read_text(encoding="utf-8", errors="replace")
            if f'"{FUNCTION}":' in text:
                with suppress(ValueError, KeyError):
                    path, options = json.loads(text)[FUNCTION]
                    found[path, frozen(options)] = None
    return list(found)


def check_pool(known: Dataset, pool: Pool) -> None:
    """Raises DataError if a pool has other images or classes than its dataset says."""
    if faults := list(_faults(known, pool)):
        raise DataError(f"dataset {known.name!r}: {' '.join(faults)}")


def _faults(known: Dataset, pool: Pool) -> Iterable[str]:
    if pool.shape != known.shape:
        has, says = ("x".join(map(str, shape)) for shape in (pool.shape, known.shape))
        yield f"`shape` is {says} (channels x height x width), but its images are {has}."
    names, times = np.unique(pool.classes, return_counts=True)
    if (times > 1).any():
        yield f"{counted(int((times > 1).sum()), 'class')} named twice: {names[times > 1][0]!r}."
    if known.examples is not None and (other := np.flatnonzero(pool.counts != known.examples)).size:
        first = f"class {pool.classes[other[0]]!r} has {pool.counts[other[0]]}"
        yield f"`examples` is {known.examples}, but {first}. Leave `examples` out if classes differ."
    for name in known.splits:
        try:
            found = split_in(known.splits, name, pool)
        except DataError as error:
            yield str(error)
            continue
        absent = sorted({one for part in PARTS for one in found.part(part)} - set(pool.classes))
        if absent:
            more = f" and {len(absent) - 1} more" if len(absent) > 1 else ""
            yield f"split {name!r} names the class {absent[0]!r}{more}, of which there is no image."
        sizes, stated = SplitSizes(len(found.train), len(found.val), len(found.test)), known.sizes(name)
        if sizes != stated:
            yield f"split {name!r} has classes by part {'/'.join(map(str, sizes))}, not {'/'.join(map(str, stated))}."


def _code(known: Dataset) -> dict[str, str]:
    """The user's files behind a dataset, and the distributions of installed ones, with hashes; {} for the package's."""
    if ":" not in known.name:
        return {}
    found = source_of([known.name])
    return found.files | found.installed


def _called(known: Dataset, what: str, call: Callable[[], T]) -> T:
    """The result of a user's function. Whatever it raises becomes a DataError that names the dataset."""
    try:
        return call()
    except BenchError as error:
        raise DataError(f"dataset {known.name!r}: {error}") from error
    except Exception as error:
        raise DataError(f"dataset {known.name!r}: {what} failed: {type(error).__name__}: {error}") from error
