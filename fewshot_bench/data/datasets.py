"""The datasets that a grid may name: what is known of each, and its pool, prepared, opened and verified."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock

from fewshot_bench.basics.counting import counted
from fewshot_bench.basics.errors import BenchError, DataError
from fewshot_bench.basics.files import sweep
from fewshot_bench.basics.images import ImageShape
from fewshot_bench.basics.names import find
from fewshot_bench.data import mini_imagenet, omniglot
from fewshot_bench.data.locations import place_for_pool, prepared_pool, raw_places
from fewshot_bench.data.pool import MANIFEST, Content, Pool, Progress, content_of, read_pool, silent
from fewshot_bench.data.raw import CHARACTER, PHOTO, Raw
from fewshot_bench.data.splits import PARTS, all_classes, check_images, duplicates, read_split


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
    find_raw: Callable[[Path], Raw | None]  # the raw data at a path, None if there is none
    edition: int = 1  # raised if a release makes another pool of the same raw data; older pools are then made anew


def _find_glyphs(path: Path) -> Raw:
    """Glyphs are drawn and not read, so there is always raw data."""
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
    """The dataset called `name`. Raises BenchError with the nearest name if there is none."""
    found: Dataset = find("dataset", name, DATASETS)
    return found


def open_pool(name: str, data_dir: Path, progress: Progress = silent) -> Pool:
    """The pool of the dataset `name`: the prepared one, or else one prepared now from the raw files in `data_dir`.

    Raises DataError if there are neither, or if the raw files are damaged or incomplete.
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
    """The raw files of a dataset in a data folder. Raises DataError if there are none."""
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
    """Make the pool of `known` from `raw` in `folder`; a second process waits for the first.

    afresh: replace a pool that is already there; otherwise it is used as it is.
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


class Verified(NamedTuple):
    """pool_hash: of the images as they are now. known_as: their source, None if unknown. splits: one line each."""

    pool_hash: str
    known_as: str | None
    splits: tuple[str, ...]


def verify(known: Dataset, pool: Pool) -> Verified:
    """Read every image, and check the hash, the counts, and every class split of the dataset.

    Raises DataError if the pool is not what its manifest says, or if a split leaks.
    """
    expected = (known.classes, known.examples, *known.shape)
    if pool.images.shape != expected:
        raise DataError(f"the pool of {known.name} holds images {pool.images.shape}, not {expected}. Import it again.")
    content = content_of(pool.images, pool.classes)
    if content != Content(pool.manifest["pool_hash"], pool.manifest["duplicates"]):
        raise DataError(
            f"the pool of {known.name} was changed after it was prepared: its images hash to {content.hash[:16]}, "
            f"its manifest says {pool.manifest['pool_hash'][:16]}. Import it again."
        )
    return Verified(
        content.hash, pool.manifest["known_as"], tuple(_split_line(known, name, pool) for name in known.splits)
    )


def _split_line(known: Dataset, name: str, pool: Pool) -> str:
    split = read_split(known.name, name)
    counts = "/".join(str(len(split.indices(part, pool))) for part in PARTS)
    check_images(known.name, split, pool)
    listed = duplicates(known.name, split)
    leaks = f", {counted(len(listed), 'known duplicate image')} between parts" if listed else ""
    return f"{name} {counts} classes{leaks}, {split.hash[:16]}"
