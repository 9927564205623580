"""`fewshot-bench data import`: a known dataset from its files, or somebody's own images."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from fewshot_bench.basics.counting import counted
from fewshot_bench.basics.errors import BenchError, DataError
from fewshot_bench.cli.parsing import HiddenDefault

if TYPE_CHECKING:  # modules that read data take half a second to load
    from fewshot_bench.data.dataset import Dataset

SIZE = 84  # pixels, of a user's images: what mini-ImageNet has


@dataclass(frozen=True)
class Import:
    """Prepare a dataset from files you have, or your own images under a new name. They are read, never changed or
    copied.

    Your own images: class folders, also in train, val and test; a table (CSV, TSV, Parquet) of files and labels
    beside them; or an archive of these. datasets/README.md says what is recognised.

    Example: fewshot-bench data import mini-imagenet --from /downloads/mini-imagenet

    Example: fewshot-bench data import birds --from ~/photos/birds; then dataset = ["birds"] in a grid
    """

    name: tyro.conf.Positional[str]
    """Which dataset the files are; or a new name for your own images."""
    source: Annotated[Path, tyro.conf.arg(name="from")]
    """The folder or file that holds them."""
    size: HiddenDefault[int | None] = None
    """Height and width of the prepared images, in pixels; 84 if absent, or the dataset's own."""
    gray: HiddenDefault[bool] = False
    """Own images: one grey channel in place of red, green and blue."""
    split: HiddenDefault[str | None] = None
    """Own images: folders (train, val and test), shares such as 64:16:20, or a JSON or CSV of classes by part."""
    split_seed: int = 0
    """Own images: seed of the order in which classes are dealt by shares."""
    skip_unreadable: HiddenDefault[bool] = False
    """Own images: leave out unreadable ones, and say which."""
    skip_duplicates: HiddenDefault[bool] = False
    """Own images: keep the first of equal images in a class, and none of those that are in two classes."""
    data_dir: HiddenDefault[Path | None] = None
    """Data folder, $FEWSHOT_DATA or datasets/ if absent; the pool goes there or, if it cannot, to your cache."""


def import_dataset(options: Import, data_dir: Path) -> None:
    """Prepares the pool and prints what it is. Raises BenchError for missing or invalid files."""
    from fewshot_bench.data.datasets import DATASETS

    if options.name in DATASETS or ":" in options.name:
        _import_known(options, data_dir)
    else:
        _import_own(options, data_dir)


def _import_own(options: Import, data_dir: Path) -> None:
    from fewshot_bench.cli.terminal import shown_progress
    from fewshot_bench.data.datasets import split_of
    from fewshot_bench.data.imported import IMPORTED
    from fewshot_bench.data.importing.planning import SPLIT, ImportOptions
    from fewshot_bench.data.importing.pools import import_images
    from fewshot_bench.data.splits import PARTS

    chosen = ImportOptions(
        size=SIZE if options.size is None else options.size,
        gray=options.gray,
        split=options.split,
        split_seed=options.split_seed,
        skip_unreadable=options.skip_unreadable,
        skip_duplicates=options.skip_duplicates,
    )
    with shown_progress() as progress:
        made = import_images(options.source, options.name, chosen, data_dir, progress)
    pool = made.pool
    split = split_of(made.dataset, SPLIT, pool)
    dealt = ", ".join(f"{counted(len(split.part(part)), 'class')} for {part}" for part in PARTS)
    print(
        f"{options.name}: {counted(len(pool.images), 'image')} of {counted(len(pool.classes), 'class')}, "
        f"{pool.images_each} each, {'x'.join(map(str, pool.shape))}, in {made.place}\n"
        f"  from {options.source} ({pool.manifest['source']['layout']})\n"
        f"  {dealt} ({pool.manifest[IMPORTED]['split_by']})"
    )
    for note in made.notes:
        print(f"  {note}")
    print(f'  pool {pool.manifest["pool_hash"]}\n  in a grid file: dataset = ["{options.name}"]')


def _import_known(options: Import, data_dir: Path) -> None:
    from fewshot_bench.cli.terminal import shown_progress
    from fewshot_bench.data.datasets import dataset_named, options_known, prepare_pool
    from fewshot_bench.data.locations import place_for_pool, prepared_pool

    own = ("gray", "split", "split_seed", "skip_unreadable", "skip_duplicates")
    given = [f"--{name.replace('_', '-')}" for name in own if getattr(options, name) != getattr(Import, name)]
    if options.size is not None and "size" not in options_known(options.name, data_dir):
        given.append("--size")
    if given:
        raise BenchError(
            f"{given[0]} is for your own images, but {options.name} is a dataset already. Leave it out, or import your "
            "images under another name."
        )
    known = dataset_named(options.name, () if options.size is None else (("size", options.size),))
    if known.draw_tasks is not None:
        raise DataError(f"{known.name} needs no data: its tasks are drawn. Name it in a grid.")
    source = options.source
    raw = known.find_raw(source) if source.exists() else None
    if raw is None:
        raise DataError(_nothing_in(source, known))
    place = place_for_pool(known, data_dir, create=True)
    with shown_progress() as progress:
        prepare_pool(known, raw, place, progress)
    shadow = prepared_pool(known, data_dir)
    if shadow != place:
        raise DataError(
            f"{known.name} was prepared in {place}, but the older pool in {shadow} comes first. Delete that one."
        )
    print(f"{known.name}: prepared from {raw.where} ({raw.kind}) in {place}")
    print_known(known, place)


def not_known(known: "Dataset") -> str:
    """What is said of a pool whose hash the package does not know."""
    if not known.known_pools:
        return "no published hash to compare with"
    return "not a pool known to the package: other files or another decoder than those the published hash is of"


def print_known(known: "Dataset", place: Path) -> None:
    """Prints the hash of a pool, and whether the package knows it."""
    from fewshot_bench.data.pool import read_pool

    manifest = read_pool(place).manifest
    print(f"  pool {manifest['pool_hash']}\n  {manifest['known_as'] or not_known(known)}")


def _nothing_in(path: Path, known: "Dataset") -> str:
    from fewshot_bench.data.archives import broken, html_start

    if not path.exists():
        return f"{path} does not exist. Give --from the folder or file that holds {known.name}."
    if path.is_file() and html_start(path):
        return broken(path, "a web page")
    return f"nothing in {path} is recognised as {known.name}. Recognised: {known.layouts}."
