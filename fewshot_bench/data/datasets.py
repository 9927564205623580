"""The datasets a grid may name, and how their pool is opened or, the first time, prepared."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock

from fewshot_bench.basics.errors import BenchError, DataError
from fewshot_bench.basics.files import sweep
from fewshot_bench.basics.images import ImageShape
from fewshot_bench.basics.names import find
from fewshot_bench.data import mini_imagenet, omniglot
from fewshot_bench.data.decoding import CHARACTER, PHOTO
from fewshot_bench.data.locations import place_for_pool, prepared_pool, raw_places
from fewshot_bench.data.pool import MANIFEST, Pool, read_pool
from fewshot_bench.data.progress import Progress, silent
from fewshot_bench.data.raw import Raw
from fewshot_bench.data.splits import all_classes


class Dataset(NamedTuple):
    """What is known of a dataset before any file is opened."""

    name: str
    shape: ImageShape
    classes: int
    examples: int  # images a class
    mean: tuple[float, ...]  # subtracted from a channel after division by 255 ...
    std: tuple[float, ...]  # ... and what it is divided by then
    rotations: bool  # whether the published protocol turns each class of a TRAINING task by a random k * 90 degrees
    splits: tuple[str, ...]  # the class splits that come with the package; the first is the default
    layouts: str  # the layouts of raw data that find_raw recognises, in words
    find_raw: Callable[[Path], Raw | None]  # what raw data lies at a path
    edition: int = 1  # raised when a release makes another pool of the same raw data; older pools are then made anew


def _find_glyphs(path: Path) -> Raw:
    """Glyphs are drawn, not read: there is always raw data."""
    return Raw("letters of the fonts that matplotlib ships", path, _draw_glyphs)


def _draw_glyphs(folder: Path, progress: Progress) -> Pool:
    from fewshot_bench.data.glyphs import make_glyphs  # takes a second to import, and only drawing needs it

    return make_glyphs(folder, progress)


DATASETS: dict[str, Dataset] = {
    "omniglot": Dataset(
        name="omniglot",
        shape=CHARACTER,
        classes=omniglot.CLASSES,
        examples=omniglot.EXAMPLES,
        mean=(0.0,),
        std=(1.0,),
        rotations=True,
        splits=("gimli", "vinyals", "lake"),
        layouts=omniglot.LAYOUTS,
        find_raw=omniglot.find_omniglot,
    ),
    "mini-imagenet": Dataset(
        name="mini-imagenet",
        shape=PHOTO,
        classes=mini_imagenet.CLASSES,
        examples=mini_imagenet.EXAMPLES,
        mean=(0.485, 0.456, 0.406),  # ImageNet's, as in torchvision's models and the MAML++ loader
        std=(0.229, 0.224, 0.225),
        rotations=False,
        splits=("ravi", "gimli-fork"),
        layouts=mini_imagenet.LAYOUTS,
        find_raw=mini_imagenet.find_mini_imagenet,
    ),
    "glyphs": Dataset(
        name="glyphs",
        shape=CHARACTER,
        classes=len(all_classes("glyphs", "scripts")),
        examples=20,
        mean=(0.0,),
        std=(1.0,),
        rotations=True,
        splits=("scripts",),
        layouts="none needed, glyphs is drawn",
        find_raw=_find_glyphs,
        edition=2,
    ),
}


def dataset(name: str) -> Dataset:
    """The dataset called `name`. Raises BenchError with the nearest name where there is none."""
    found: Dataset = find("dataset", name, DATASETS)
    return found


def open_pool(name: str, data_dir: Path, progress: Progress = silent) -> Pool:
    """The pool of the dataset `name`: as prepared before, else prepared now from the raw files in `data_dir`.

    Raises DataError where there are neither, or where the raw files are broken or incomplete.
    """
    known = dataset(name)
    there = prepared_pool(name, data_dir)
    if there is not None:
        pool = read_pool(there)
        if pool.manifest.get("edition", 1) == known.edition:
            return pool
    raw = raw_data(known, data_dir)
    return prepare_pool(known, raw, place_for_pool(name, data_dir), progress, afresh=there is not None)


def raw_data(known: Dataset, data_dir: Path) -> Raw:
    """The raw files of a dataset in a data folder. Raises DataError where there are none."""
    for place in raw_places(known.name, data_dir):
        raw = known.find_raw(place)
        if raw is not None:
            return raw
    raise DataError(
        f"no {known.name} in {data_dir}: neither a pool nor raw files. Run `fewshot-bench data get {known.name}`, "
        f"or `fewshot-bench data import {known.name} --from PATH` with the files you have, or name their folder by "
        "--data-dir."
    )


def prepare_pool(known: Dataset, raw: Raw, folder: Path, progress: Progress = silent, afresh: bool = True) -> Pool:
    """Makes the pool of `known` from `raw` in `folder`; of two processes at once the second waits for the first.

    afresh: replace a pool that is already there; else it is taken as it is.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BenchError(
            f"cannot make {folder} for the prepared pool: {error.strerror}. Name another --data-dir."
        ) from error
    with FileLock(folder.parent / f".{folder.name}.lock"):
        if not afresh and (folder / MANIFEST).is_file():
            return read_pool(folder)
        sweep(folder)  # nobody else writes here under the lock
        return raw.prepare(folder, progress)
