"""Whether a prepared pool still is what its manifest says, and what the package knows of it."""

from typing import NamedTuple

from fewshot_bench.basics.counting import counted
from fewshot_bench.basics.errors import DataError
from fewshot_bench.data.datasets import Dataset
from fewshot_bench.data.duplicates import check_images, duplicates
from fewshot_bench.data.pool import Content, Pool, content_of
from fewshot_bench.data.splits import PARTS, read_split


class Verdict(NamedTuple):
    """pool_hash of the images as they are now; known_as: their source, None where unknown; splits: a line each."""

    pool_hash: str
    known_as: str | None
    splits: tuple[str, ...]


def verify(known: Dataset, pool: Pool) -> Verdict:
    """Reads every image and checks hash, counts, and every class split of the dataset.

    Raises DataError where the pool is not what its manifest says, or a split leaks.
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
    return Verdict(
        content.hash, pool.manifest["known_as"], tuple(_split_line(known, name, pool) for name in known.splits)
    )


def _split_line(known: Dataset, name: str, pool: Pool) -> str:
    split = read_split(known.name, name)
    counts = "/".join(str(len(split.indices(part, pool))) for part in PARTS)
    check_images(known.name, split, pool)
    listed = duplicates(known.name, split)
    leaks = f", {counted(len(listed), 'known duplicate image')} between parts" if listed else ""
    return f"{name} {counts} classes{leaks}, {split.hash[:16]}"
