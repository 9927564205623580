"""What a pool is verified for: enough images for the tasks of a grid; its hash, counts and class splits."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from fewshot_bench.basics.counting import counted
from fewshot_bench.basics.errors import DataError
from fewshot_bench.data.dataset import Dataset
from fewshot_bench.data.datasets import split_of, tolerated
from fewshot_bench.data.pool import Content, Pool, content_of
from fewshot_bench.data.splits import PARTS, ClassSplit, crossing


def size_faults(known: Dataset, split: ClassSplit, pool: Pool, needed: Iterable[tuple[str, int]]) -> list[str]:
    """A sentence for each part with a class that has fewer images than its tasks take.

    needed: (part, images a class) of the tasks.
    """
    faults = []
    for part, images in needed:
        members = split.indices(part, pool)  # type: ignore[arg-type]
        small = [index for index in members if pool.counts[index] < images]
        if small:
            first = pool.classes[small[0]]
            others = f" and {counted(len(small) - 1, 'class')} more" if len(small) > 1 else ""
            faults.append(
                f"{known.name}: a task takes {counted(images, 'image')} of a class (shots + queries), but {part} class "
                f"{first!r}{others} {'have' if others else 'has'} fewer ({pool.counts[small[0]]}). Take fewer shots or "
                "queries, or leave such classes out of the split."
            )
    return faults


class Verified(NamedTuple):
    """pool_hash: of the images as they are now. known_as: their source, None if unknown. splits: one line each."""

    pool_hash: str
    known_as: str | None
    splits: tuple[str, ...]


def verify(known: Dataset, pool: Pool) -> Verified:
    """Read every image, and check the hash, the counts, and every class split of the dataset.

    Raises DataError if the pool is not what its manifest says, or if a split leaks.
    """
    expected: tuple[Any, ...] = known.shape
    found: tuple[Any, ...] = pool.shape
    if known.splits:
        expected, found = (known.classes, *expected), (len(pool.classes), *found)
    if known.examples is not None:
        each = sorted({int(count) for count in pool.counts})
        expected, found = (*expected, [known.examples]), (*found, each)
    if found != expected:
        raise DataError(
            f"the pool of {known.name} has classes, image shape and images a class {found}, not {expected}. "
            "Import it again."
        )
    content = content_of(pool.images, pool.starts, pool.classes)
    if content != Content(pool.manifest["pool_hash"], pool.manifest["duplicates"]):
        raise DataError(
            f"the pool of {known.name} was changed after it was prepared: its images hash to {content.hash[:16]}, "
            f"its manifest says {pool.manifest['pool_hash'][:16]}. Import it again."
        )
    source = pool.manifest["known_as"]
    return Verified(content.hash, source, tuple(_split_line(known, name, pool) for name in known.splits))


def _split_line(known: Dataset, name: str, pool: Pool) -> str:
    split = split_of(known, name, pool)
    counts = "/".join(str(len(split.indices(part, pool))) for part in PARTS)
    listed = crossing(tolerated(known, pool), split)
    leaks = f", {counted(len(listed), 'known duplicate image')} between parts" if listed else ""
    return f"{name} {counts} classes{leaks}, {split.hash[:16]}"
