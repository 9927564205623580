"""Folders of data: raw files in the user's folder; pools beside them, or in the cache if that folder is read-only."""

import hashlib
import os
import stat
from contextlib import suppress
from pathlib import Path

from platformdirs import user_cache_path

from fewshot_bench.data.dataset import Dataset
from fewshot_bench.data.pool import MANIFEST


def default_data_dir() -> Path:
    """$FEWSHOT_DATA if it is set, else `datasets/` in the current folder."""
    return Path(os.environ.get("FEWSHOT_DATA") or "datasets")


def raw_places(known: Dataset, data_dir: Path) -> list[Path]:
    """The folders that may hold raw files of a dataset, the most specific first."""
    return [data_dir / folder for folder in known.folders] + [data_dir]


def pool_roots(data_dir: Path, drawn: bool = False) -> tuple[Path, Path]:
    """The folders that may hold pools: beside the raw data, then in the user's cache.

    drawn: whether the pool is of a dataset that is drawn and not read.
    """
    # The key is of the data folder, so that two copies of a dataset do not share a pool. Drawn images are all alike.
    key = "any" if drawn else hashlib.sha256(str(data_dir.resolve()).encode()).hexdigest()[:12]
    return data_dir / ".prepared", cache_dir() / key


def pool_places(known: Dataset, data_dir: Path) -> list[Path]:
    """The folders that may hold the pool of a dataset."""
    return [root / known.pool_name for root in pool_roots(data_dir, known.drawn)]


def prepared_pool(known: Dataset, data_dir: Path) -> Path | None:
    """The folder of the prepared pool of a dataset, None if there is none."""
    return next((place for place in pool_places(known, data_dir) if (place / MANIFEST).is_file()), None)


def place_for_pool(known: Dataset, data_dir: Path, create: bool = False) -> Path:
    """The folder for a new pool: beside the raw data if that can be written, else in the cache.

    create: make the data folder if it does not exist yet.
    """
    beside, cached = pool_places(known, data_dir)
    if create:
        with suppress(OSError):  # if it cannot be made, the cache is used
            data_dir.mkdir(parents=True, exist_ok=True)
    return beside if data_dir.is_dir() and _writable(beside.parent) else cached


def cache_dir() -> Path:
    """The user's cache folder for pools: $XDG_CACHE_HOME/fewshot_bench, or the one of this platform.

    That is ~/.cache/fewshot_bench on Linux, ~/Library/Caches/fewshot_bench on a Mac.
    """
    return user_cache_path("fewshot_bench", appauthor=False, opinion=False)


def _writable(folder: Path) -> bool:
    """Whether files can be made in `folder`, which may not exist yet in a parent that does.

    It is tried, since permission bits say little on network disks. But a parent that is read-only for everybody is
    left alone, even by root, whom the system would let write.
    """
    nearest = folder if folder.is_dir() else folder.parent
    if not nearest.stat().st_mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH):
        return False
    try:
        folder.mkdir(exist_ok=True)
        probe = folder / f".probe-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError:
        return False
    return True
