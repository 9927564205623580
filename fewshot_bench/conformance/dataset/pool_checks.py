"""Checks of a dataset's images: a function of the raw data, different from each other, normalised, and enough."""

import numpy as np
from numpy.typing import NDArray

from fewshot_bench.basics.counting import counted
from fewshot_bench.basics.errors import DataError
from fewshot_bench.conformance.dataset.contract import Candidate, data_folder, dataset_of, made, pool_of
from fewshot_bench.conformance.findings import Outcome, listed
from fewshot_bench.data.datasets import raw_data, split_of, tolerated
from fewshot_bench.data.pool import content_of
from fewshot_bench.data.splits import PARTS, crossing, split_in

LARGE = 256 * 2**20
"""Bytes of a pool that is not made a second time."""

SAMPLED = 2000  # images whose mean and standard deviation stand for all


def hash_of_the_pool(subject: Candidate) -> Outcome:
    """Whether the hash in the pool's manifest is that of its images."""
    found = pool_of(subject)
    content, stated = content_of(found.images, found.starts, found.classes), found.manifest["pool_hash"]
    if content.hash != stated:
        return False, f"its images hash to {content.hash[:16]}, its manifest says {stated[:16]}. Prepare it again."
    return True, f"{stated[:16]}{': ' + found.manifest['known_as'] if found.manifest['known_as'] else ''}"


def made_again(subject: Candidate) -> Outcome:
    """Whether the pool is the same if it is made once more from the raw data, in another folder."""
    first = pool_of(subject)
    if first.images.nbytes > LARGE:
        size = first.images.nbytes / 2**20
        return None, f"not tried, since its pool has {size:,.0f} MiB; up to {LARGE / 2**20:,.0f} MiB are made twice"
    if data_folder(subject) == subject.data_dir:
        try:
            raw_data(dataset_of(subject), subject.data_dir)
        except DataError:
            return None, "not tried, since there is no raw data"
    second = made(subject, subject.scratch / "again")
    if second.manifest["pool_hash"] == first.manifest["pool_hash"]:
        return True, "the same images"
    if second.classes != first.classes or (second.counts != first.counts).any():
        return False, "it has other classes, or other numbers of images. Sort what comes from a folder or a set."
    rows = np.flatnonzero((first.images != second.images).any(axis=(1, 2, 3)))
    klass = int(np.searchsorted(first.starts, rows[0], side="right")) - 1
    which = f"image {rows[0] - first.starts[klass]} of class {first.classes[klass]!r}"
    return False, (
        f"{counted(len(rows), 'image')} of {len(first.images):,} differ, first {which}. Images have to be a "
        "function of files and options: seed random numbers by class and image, and sort what a folder or a set gives."
    )


def images(subject: Candidate) -> Outcome:
    """Whether the images of each class differ, and use the range from 0 to 255."""
    found = pool_of(subject)
    blank, alike, lowest, highest = 0, [], 255, 0
    for index, name in enumerate(found.classes):
        pixels = found.of_class(index)
        low, high = pixels.min(axis=(1, 2, 3)), pixels.max(axis=(1, 2, 3))
        lowest, highest = min(lowest, int(low.min())), max(highest, int(high.max()))
        blank += int((low == high).sum())
        alike += [name] if len(pixels) > 1 and (pixels == pixels[0]).all() else []
    if alike:
        return False, f"all images are equal in {counted(len(alike), 'class')}: {listed(map(repr, alike))}."
    if highest <= 1:
        return False, f"all pixels are from {lowest} to {highest}, but 255 is white. Multiply them by 255."
    text = f"different in each class, from {lowest} to {highest}"
    return (None, f"{text}. {counted(blank, 'image')} of one colour alone.") if blank else (True, text)


def duplicates(subject: Candidate) -> Outcome:
    """Whether an image lies in two parts of a split, apart from the known duplicates."""
    known, found = dataset_of(subject), pool_of(subject)
    groups = tolerated(known, found)
    crossed = [image for name in known.splits for image in crossing(groups, split_of(known, name, found))]
    if crossed:
        return None, f"known ones in two parts: {listed(crossed)}"
    groups = found.manifest["duplicates"]
    text = "none in two parts"
    if groups:
        return (
            None,
            f"{text}; {counted(len(groups), 'image')} in two classes of a part: {listed(map(' = '.join, groups))}",
        )
    return True, text


def normalisation(subject: Candidate) -> Outcome:
    """The mean and standard deviation of the pixels that a network sees."""
    known, found = dataset_of(subject), pool_of(subject)
    rows = np.unique(np.linspace(0, len(found.images) - 1, SAMPLED).astype(np.int64))
    pixels = found.images[rows] / np.float64(255)
    mean, std = pixels.mean(axis=(0, 2, 3)), pixels.std(axis=(0, 2, 3))
    seen, spread = (mean - np.array(known.mean)) / np.array(known.std), std / np.array(known.std)
    text = f"a network sees mean {_rounded(seen)}, standard deviation {_rounded(spread)}"
    if (np.abs(seen) <= 0.5).all() and (spread >= 0.5).all() and (spread <= 2).all():
        return True, text
    return None, f"{text}; mean = ({_rounded(mean)},), std = ({_rounded(std)},) would make that 0 and 1"


def smallest_class(subject: Candidate) -> Outcome:
    """Whether the smallest class of each part has a support and a query image."""
    known, found = dataset_of(subject), pool_of(subject)
    least, where = min(
        (int(found.counts[index]), f"{found.classes[index]!r} ({part})")
        for name in known.splits
        for part in PARTS
        for index in split_in(known.splits, name, found).indices(part, found)
    )
    if least < 2:
        return False, f"class {where} has {counted(least, 'image')}, but a task takes a support and a query image."
    return True, f"{where} has {counted(least, 'image')}: up to {counted(least - 1, 'shot')} with 1 query"


def _rounded(values: NDArray[np.float64]) -> str:
    return ", ".join(f"{value:.3f}" for value in values)
