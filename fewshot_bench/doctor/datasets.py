"""The datasets: which pools are prepared, which would be on first use, and what brings in those that are missing."""

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from fewshot_bench.basics.errors import DataError
from fewshot_bench.data.datasets import DATASETS, Dataset, raw_data
from fewshot_bench.data.known_pools import KNOWN_POOLS
from fewshot_bench.data.locations import cache_dir, default_data_dir, prepared_pool
from fewshot_bench.data.pool import read_pool
from fewshot_bench.data.sources import SOURCES
from fewshot_bench.doctor.finding import Finding, Level
from fewshot_bench.doctor.folders import nearest

DRAWN = "glyphs"


def datasets(data_dir: Path, needed: frozenset[str]) -> Iterator[Finding]:
    """A line a dataset. needed: names without which it is a fault."""
    for known in DATASETS.values():
        place = prepared_pool(known.name, data_dir)
        yield unprepared(known, data_dir, needed) if place is None else prepared(known, place, data_dir, needed)


def prepared(known: Dataset, place: Path, data_dir: Path, needed: frozenset[str]) -> Finding:
    """About a pool that is there. Its images are not read: that is what `data verify` does."""
    try:
        pool = read_pool(place)
    except DataError as error:
        return Finding("fault" if known.name in needed else "warning", known.name, str(error))
    if pool.manifest.get("edition", 1) != known.edition:
        return Finding("ok", known.name, f"prepared in {place} by an older release; made anew on first use")
    if known.name == DRAWN or pool.manifest["pool_hash"] in KNOWN_POOLS:
        return Finding("ok", known.name, f"prepared in {place}, pool {pool.manifest['pool_hash'][:16]}")
    says = f"prepared in {place}, but its pixels are none that the package knows (another source or decoder)"
    return Finding("warning", known.name, says, f"fewshot-bench data verify {known.name}{_option(data_dir)}")


def unprepared(known: Dataset, data_dir: Path, needed: frozenset[str]) -> Finding:
    """About a dataset without a pool."""
    try:
        raw = raw_data(known, data_dir)
    except DataError:
        does = "get " + known.name if known.name in SOURCES else f"import {known.name} --from PATH"
        level: Level = "fault" if known.name in needed else "warning"
        return Finding(level, known.name, f"not in {data_dir}", f"fewshot-bench data {does}{_option(data_dir)}")
    how = "drawn on first use, in seconds" if known.name == DRAWN else f"prepared on first use from {raw.where}"
    return Finding("ok", known.name, how)


def place_to_come(data_dir: Path) -> Path:
    """Where pools that are still to be made go: beside the raw data, or the user's cache where that is read-only."""
    near = nearest(data_dir)
    return data_dir if os.access(near, os.W_OK) and near.stat().st_mode & 0o222 else cache_dir()


def named_in(content: Mapping[str, Any]) -> frozenset[str]:
    """The datasets that a grid file names, as TOML gives it; what is no name of one is for `run` to complain of."""
    tables = [table for table in (content.get("grid"), *content.get("cells", ())) if isinstance(table, dict)]
    values = [value for table in tables for value in _listed(table.get("dataset", ()))]
    return frozenset(value for value in values if value in DATASETS)


def bytes_to_come(data_dir: Path, needed: frozenset[str]) -> int:
    """What pools that are still to be prepared will take, of the datasets named."""
    missing = [DATASETS[name] for name in sorted(needed & DATASETS.keys()) if prepared_pool(name, data_dir) is None]
    return sum(known.classes * known.examples * math.prod(known.shape) for known in missing)


def _listed(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else [value]


def _option(data_dir: Path) -> str:
    return "" if data_dir == default_data_dir() else f" --data-dir {data_dir}"
