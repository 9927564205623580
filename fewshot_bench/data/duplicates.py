"""Images that occur in two parts of a split: refused, but for those that a published dataset is known to have.

They are looked for once, when the pool is prepared (its manifest lists equal images of different classes), so the check
at each opening costs nothing. Omniglot has none, also not after the resize to 28x28. mini-ImageNet has seven pairs in
different classes (duplicates.json): six join train and val in the split `ravi`, none its test; but in `gimli-fork` six
join train and test and one val and test.
"""

import json
from collections import Counter
from functools import cache
from importlib.resources import files

from fewshot_bench.basics.errors import DataError
from fewshot_bench.data.pool import Pool
from fewshot_bench.data.splits import PARTS, ClassSplit


def duplicates(dataset: str, split: ClassSplit) -> tuple[str, ...]:
    """The tolerated duplicates between parts of `split`, as text: `<image> (<part>) = <image> (<part>)`."""
    part = {name: part for part in PARTS for name in split.part(part)}
    crossing = [group for group in _listed(dataset) if len({part.get(_class_of(image)) for image in group}) > 1]
    return tuple(" = ".join(f"{image} ({part.get(_class_of(image))})" for image in group) for group in crossing)


def shared_images(split: ClassSplit, pool: Pool) -> list[list[str]]:
    """Groups of equal images in the pool that lie in more than one part of `split`, an image as `class/example`."""
    part = {name: part for part in PARTS for name in split.part(part)}
    groups: list[list[str]] = pool.manifest["duplicates"]
    return [group for group in groups if len({part.get(_class_of(image)) for image in group} - {None}) > 1]


def check_images(dataset: str, split: ClassSplit, pool: Pool) -> None:
    """Raises DataError when an image occurs in two parts of `split` and is not among the listed duplicates.

    A pool keeps no file names and another resize has other pixels, so a listed duplicate is known by its classes, as
    often as it is listed.
    """
    tolerated = Counter(_classes(group) for group in _listed(dataset))
    for group in shared_images(split, pool):
        tolerated[_classes(group)] -= 1
        if tolerated[_classes(group)] < 0:
            images = " and ".join(group[:3]) + (" and others" if len(group) > 3 else "")
            raise DataError(
                f"split {split.name!r} of {dataset} leaks: the images {images} are equal and lie in different parts. "
                "Use a clean copy of the dataset."
            )


def _class_of(image: str) -> str:
    """`Greek/character01/3` -> `Greek/character01`."""
    return image.rpartition("/")[0]


def _classes(group: list[str]) -> tuple[str, ...]:
    return tuple(sorted(_class_of(image) for image in group))


@cache
def _listed(dataset: str) -> list[list[str]]:
    content = json.loads((files("fewshot_bench.data") / "duplicates.json").read_text(encoding="utf-8"))
    groups: list[list[str]] = content.get(dataset, {}).get("groups", [])
    return groups
