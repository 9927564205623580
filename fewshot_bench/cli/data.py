"""`fewshot-bench data`: imports, downloads, verifies and lists datasets."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from fewshot_bench.basics.counting import counted
from fewshot_bench.basics.errors import DataError
from fewshot_bench.cli.parsing import HiddenDefault
from fewshot_bench.cli.terminal import wrapped
from fewshot_bench.report.console import screen

if TYPE_CHECKING:  # modules that read data take half a second to load
    from fewshot_bench.data.dataset import Dataset


@dataclass(frozen=True)
class Import:
    """Prepare a dataset from files you have: archives, folders or pickles. They are read, never changed or copied.

    datasets/README.md says what is recognised.

    Example: fewshot-bench data import mini-imagenet --from /downloads/mini-imagenet
    """

    name: tyro.conf.Positional[str]
    """Which dataset the files are."""
    source: Annotated[Path, tyro.conf.arg(name="from")]
    """The folder or file that holds them."""
    data_dir: HiddenDefault[Path | None] = None
    """Data folder, $FEWSHOT_DATA or datasets/ if absent; the pool goes there or, if it cannot, to your cache."""


@dataclass(frozen=True)
class Get:
    """Download a dataset if its terms allow that, check it, and prepare it.

    Example: fewshot-bench data get omniglot
    """

    name: tyro.conf.Positional[str]
    """Which dataset."""
    data_dir: HiddenDefault[Path | None] = None
    """Data folder, $FEWSHOT_DATA or datasets/ if absent; raw files go to its subfolder of the dataset's name."""


@dataclass(frozen=True)
class Verify:
    """Read every image of prepared pools again: hash, counts, splits, duplicates.

    Example: fewshot-bench data verify omniglot --data-dir /data
    """

    name: tyro.conf.Positional[HiddenDefault[str | None]] = None
    """Which dataset; all that are prepared if none is named."""
    data_dir: HiddenDefault[Path | None] = None
    """Data folder; $FEWSHOT_DATA or datasets/ if absent."""


@dataclass(frozen=True)
class List:
    """Say which datasets there are, which are prepared, and where.

    Example: fewshot-bench data list
    """

    data_dir: HiddenDefault[Path | None] = None
    """Data folder; $FEWSHOT_DATA or datasets/ if absent."""


@dataclass(frozen=True)
class Options:
    """Bring data in, check it, and say what is there.

    Example: fewshot-bench data get omniglot; fewshot-bench data verify omniglot
    """

    what: Annotated[
        Annotated[Import, tyro.conf.subcommand("import")]
        | Annotated[Get, tyro.conf.subcommand("get")]
        | Annotated[Verify, tyro.conf.subcommand("verify")]
        | Annotated[List, tyro.conf.subcommand("list")],
        tyro.conf.arg(name=""),
    ]


def command(options: Options) -> int:
    """Runs the command; returns the exit status. Raises BenchError for missing or invalid data."""
    from fewshot_bench.data.locations import default_data_dir

    data_dir = options.what.data_dir or default_data_dir()
    match options.what:
        case Import(name, source):
            _import(name, source, data_dir)
        case Get(name):
            _get(name, data_dir)
        case Verify(which):
            _verify(which, data_dir)
        case List():
            _list(data_dir)
    return 0


def _import(name: str, source: Path, data_dir: Path) -> None:
    from fewshot_bench.cli.terminal import shown_progress
    from fewshot_bench.data.datasets import dataset_named, prepare_pool
    from fewshot_bench.data.locations import place_for_pool, prepared_pool

    known = dataset_named(name)
    if known.draw_tasks is not None:
        raise DataError(f"{name} needs no data: its tasks are drawn. Name it in a grid.")
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
    _print_known(known, place)


def _get(name: str, data_dir: Path) -> None:
    from fewshot_bench.cli.terminal import shown_progress
    from fewshot_bench.data.datasets import dataset_named, open_pool
    from fewshot_bench.data.locations import prepared_pool, raw_places
    from fewshot_bench.data.sources import download

    known = dataset_named(name)
    with shown_progress() as progress:
        download(known, raw_places(known, data_dir)[0], progress)
        open_pool(known, data_dir, progress)
    place = prepared_pool(known, data_dir)
    assert place is not None  # open_pool has just prepared it
    print(f"{known.name}: prepared in {place}")
    _print_known(known, place)


def _verify(which: str | None, data_dir: Path) -> None:
    from fewshot_bench.data.datasets import all_datasets, find_dataset, verify
    from fewshot_bench.data.locations import prepared_pool
    from fewshot_bench.data.pool import read_pool

    datasets = all_datasets(data_dir) if which is None else [find_dataset(which, data_dir)]
    places = [(known, prepared_pool(known, data_dir)) for known in datasets]
    if not any(place for _, place in places):
        what = f"{which} is not prepared" if which else "nothing is prepared"
        raise DataError(f"{what} for the data folder {data_dir}. Run `fewshot-bench data list`.")
    for known, place in places:
        if place is not None:
            verdict = verify(known, read_pool(place))
            print(f"{known.name}: whole, in {place}\n  pool {verdict.pool_hash}")
            print(f"  {verdict.known_as or _not_known(known)}")
            for line in verdict.splits:
                print(f"  split {line}")


def _list(data_dir: Path) -> None:
    from fewshot_bench.data.datasets import all_datasets

    width, _ = screen(sys.stdout)
    for known in all_datasets(data_dir):
        if known.draw_tasks is not None:
            print(f"{known.name}: tasks are drawn, no data needed; splits {', '.join(known.splits)}")
            continue
        each = f" x {known.examples}" if known.examples else ""
        text = (
            f"{known.name}: {counted(known.classes, 'class')}{each}, {'x'.join(map(str, known.shape))}; "
            f"splits {', '.join(known.splits)}; {_state(known, data_dir)}"
        )
        print("\n".join(wrapped(text, width, "  ")))


def _state(known: "Dataset", data_dir: Path) -> str:
    from fewshot_bench.data.datasets import raw_data
    from fewshot_bench.data.locations import prepared_pool

    place = prepared_pool(known, data_dir)
    if place is not None:
        return f"prepared in {place}"
    try:
        raw = raw_data(known, data_dir)
    except DataError as error:
        return f"not here: {error}"
    return f"prepared on first use from {raw.where} ({raw.kind})"


def _not_known(known: "Dataset") -> str:
    if not known.known_pools:
        return "no published hash to compare with"
    return "not a pool known to the package: other files or another decoder than those the published hash is of"


def _print_known(known: "Dataset", place: Path) -> None:
    from fewshot_bench.data.pool import read_pool

    manifest = read_pool(place).manifest
    print(f"  pool {manifest['pool_hash']}\n  {manifest['known_as'] or _not_known(known)}")


def _nothing_in(path: Path, known: "Dataset") -> str:
    from fewshot_bench.data.archives import broken, html_start

    if not path.exists():
        return f"{path} does not exist. Give --from the folder or file that holds {known.name}."
    if path.is_file() and html_start(path):
        return broken(path, "a web page")
    return f"nothing in {path} is recognised as {known.name}. Recognised: {known.layouts}."
