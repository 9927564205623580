"""`fewshot-bench data`: imports, downloads, verifies, lists and removes datasets."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from fewshot_bench.basics.counting import counted
from fewshot_bench.basics.errors import DataError
from fewshot_bench.cli.data_import import Import, import_dataset, not_known, print_known
from fewshot_bench.cli.parsing import HiddenDefault
from fewshot_bench.cli.terminal import wrapped
from fewshot_bench.report.console import screen

if TYPE_CHECKING:  # modules that read data take half a second to load
    from fewshot_bench.data.dataset import Dataset


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
class Remove:
    """Remove a prepared pool, and say which files that were. Raw files, your own images and results stay.

    Example: fewshot-bench data remove birds
    """

    name: tyro.conf.Positional[str]
    """Which dataset; or which pool, such as mini-imagenet-128, for another size of a dataset."""
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
        | Annotated[List, tyro.conf.subcommand("list")]
        | Annotated[Remove, tyro.conf.subcommand("remove")],
        tyro.conf.arg(name=""),
    ]


def command(options: Options) -> int:
    """Runs the command; returns the exit status. Raises BenchError for missing or invalid data."""
    from fewshot_bench.data.locations import default_data_dir
    from fewshot_bench.grid.files import make_importable

    make_importable(Path.cwd())  # a dataset may be named by import path
    data_dir = options.what.data_dir or default_data_dir()
    match options.what:
        case Import():
            import_dataset(options.what, data_dir)
        case Get(name):
            _get(name, data_dir)
        case Verify(which):
            _verify(which, data_dir)
        case Remove(name):
            _remove(name, data_dir)
        case List():
            _list(data_dir)
    return 0


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
    print_known(known, place)


def _verify(which: str | None, data_dir: Path) -> None:
    from fewshot_bench.data.datasets import all_datasets, find_dataset, users_datasets
    from fewshot_bench.data.locations import prepared_pool
    from fewshot_bench.data.pool import read_pool
    from fewshot_bench.data.verifying import verify

    if which is None:
        datasets = all_datasets(data_dir)
    else:
        datasets = users_datasets(data_dir, which) or [find_dataset(which, data_dir)]
    places = [(known, prepared_pool(known, data_dir)) for known in datasets]
    if not any(place for _, place in places):
        what = f"{which} is not prepared" if which else "nothing is prepared"
        raise DataError(f"{what} for the data folder {data_dir}. Run `fewshot-bench data list`.")
    for known, place in places:
        if place is not None:
            verdict = verify(known, read_pool(place))
            print(f"{_called(known)}: whole, in {place}\n  pool {verdict.pool_hash}")
            print(f"  {verdict.known_as or not_known(known)}")
            for line in verdict.splits:
                print(f"  split {line}")


def _remove(name: str, data_dir: Path) -> None:
    from fewshot_bench.data.importing.pools import remove_pool

    for place in remove_pool(name, data_dir):
        print(f"removed the pool {place}; raw files, your images and results are as they were")


def _list(data_dir: Path) -> None:
    from fewshot_bench.data.datasets import all_datasets

    width, _ = screen(sys.stdout)
    for known in all_datasets(data_dir):
        if known.draw_tasks is not None:
            print(f"{known.name}: tasks are drawn, no data needed; splits {', '.join(known.splits)}")
            continue
        each = f" x {known.examples}" if known.examples else ""
        text = (
            f"{_called(known)}: {counted(known.classes, 'class')}{each}, {'x'.join(map(str, known.shape))}; "
            f"splits {', '.join(known.splits)}; {_state(known, data_dir)}"
        )
        print("\n".join(wrapped(text, width, "  ")))


def _called(known: "Dataset") -> str:
    """A dataset's name, and the options of its pool if it is a user's function."""
    return " ".join([known.name, *(f"{key}={value}" for key, value in known.options)])


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
