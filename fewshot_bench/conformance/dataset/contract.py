"""Checks of a dataset's values: its function, options, class splits and raw data; and that its pool is as it says."""

import tempfile
from pathlib import Path
from typing import NamedTuple

from fewshot_bench.basics.counting import counted
from fewshot_bench.basics.names import find
from fewshot_bench.basics.options import bare
from fewshot_bench.cells.cell import Options
from fewshot_bench.conformance.findings import Outcome, listed
from fewshot_bench.conformance.shared_checks import settable
from fewshot_bench.data import datasets, own
from fewshot_bench.data.dataset import Dataset
from fewshot_bench.data.locations import place_for_pool, prepared_pool, raw_places
from fewshot_bench.data.pool import Pool, read_pool
from fewshot_bench.data.raw import Raw
from fewshot_bench.data.splits import PARTS, split_in


class Candidate(NamedTuple):
    """A dataset under test.

    name: its name in a grid, or its import path. data_dir: the folder of its raw data or prepared pool, which is only
    read. scratch: a folder for what the checks make. options: those that differ from the defaults.
    """

    name: str
    data_dir: Path
    scratch: Path
    options: Options = ()


def dataset_of(subject: Candidate) -> Dataset:
    """The dataset. Raises BenchError if its function fails or returns something invalid."""
    return datasets.find_dataset(subject.name, subject.data_dir, subject.options)


def data_folder(subject: Candidate) -> Path:
    """The folder of its data if a current pool is prepared there; otherwise a folder in `scratch`."""
    known = dataset_of(subject)
    there = prepared_pool(known, subject.data_dir)
    current = there is not None and own.is_current(known, read_pool(there))
    return subject.data_dir if current else subject.scratch / "data"


def pool_of(subject: Candidate) -> Pool:
    """Its pool: the prepared one, or else one that the first call makes in `scratch`."""
    known, folder = dataset_of(subject), data_folder(subject)
    there = prepared_pool(known, folder)
    return read_pool(there) if there is not None else made(subject, folder)


def made(subject: Candidate, folder: Path) -> Pool:
    """A pool made from the raw data, in the data folder `folder`. Raises DataError if there is no raw data."""
    known = dataset_of(subject)
    raw = datasets.raw_data(known, subject.data_dir)
    return datasets.prepare_pool(known, raw, place_for_pool(known, folder, create=True), afresh=False)


def contract(subject: Candidate) -> Outcome:
    """Whether its function returns a dataset with valid values."""
    known = dataset_of(subject)
    if known.draw_tasks is not None:
        return True, f"tasks are drawn, inputs of {by(known.shape)}, loss: {known.loss}"
    return True, f"{counted(known.classes, 'class')}, images of {by(known.shape)}"


def options(subject: Candidate) -> Outcome:
    """Whether a grid can set its options."""
    if ":" not in subject.name and subject.name not in datasets.DATASETS:
        return True, "those of its import"
    return settable(bare(find("dataset", subject.name, datasets.DATASETS)), supplied=0)


def splits(subject: Candidate) -> Outcome:
    """Whether every part of every class split has the two classes that a task needs at least.

    A split other than the first may leave a part empty, for cells that are tested on another dataset.
    """
    known = dataset_of(subject)
    first = next(iter(known.splits))
    for name in known.splits:
        for part, classes in zip(PARTS, known.sizes(name), strict=True):
            if classes == 1 or (name == first and classes == 0):
                return False, f"{part} of {name} has {counted(classes, 'class')}, but a task needs 2 at least."
    return True, listed(f"{name} {'/'.join(map(str, known.sizes(name)))}, disjoint" for name in known.splits)


def raw_data(subject: Candidate) -> Outcome:
    """Whether its raw data is found in the data folder, and whether an empty folder gives None instead of an error."""
    known = dataset_of(subject)
    with tempfile.TemporaryDirectory() as empty:
        in_empty = own.find_raw(known, Path(empty))
    raw = _raw_or_none(subject)
    if raw is None:
        return None, f"no raw data in {subject.data_dir}; its prepared pool is tested"
    return True, f"{raw.kind}, in {raw.where}" if in_empty is None else f"{raw.kind}; no files are needed"


def pool(subject: Candidate) -> Outcome:
    """Whether its pool has the images and classes that the dataset says."""
    known, found = dataset_of(subject), pool_of(subject)
    own.check_pool(known, found)
    size = f"{counted(len(found.classes), 'class')}, {found.images_each} each, {len(found.images):,} in all"
    if list(found.classes) != sorted(found.classes):
        return None, f"{size}. Its classes are not sorted by name: another order would make other tasks."
    used = {one for name in known.splits for part in PARTS for one in split_in(known.splits, name, found).part(part)}
    unused = [name for name in found.classes if name not in used]
    return (None, f"{size}. In no split: {listed(unused)}.") if unused else (True, size)


def by(shape: tuple[int, ...]) -> str:
    """A shape in words, such as "3 x 84 x 84"."""
    return " x ".join(map(str, shape))


def _raw_or_none(subject: Candidate) -> Raw | None:
    """Its raw data; None if there is none, but a prepared pool. Raises DataError if there is neither."""
    if data_folder(subject) == subject.data_dir:
        known = dataset_of(subject)
        places = raw_places(known, subject.data_dir)
        return next((raw for place in places if (raw := own.find_raw(known, place))), None)
    return datasets.raw_data(dataset_of(subject), subject.data_dir)
