"""Unreadable and equal images: faults of a user's images, or images that switches leave out."""

from collections.abc import Sequence

from fewshot_bench.basics.counting import counted
from fewshot_bench.data.importing.faults import fault, some
from fewshot_bench.data.importing.layouts import LabelledImage
from fewshot_bench.data.importing.reading import Reading

Images = Sequence[LabelledImage]


def faults_of(images: Images, reading: Reading, skip_unreadable: bool, skip_duplicates: bool) -> list[str]:
    """The faults that reading the images showed, but for those that a switch leaves out."""
    within, across = _equal(images, reading)
    faults = []
    if reading.unreadable and not skip_unreadable:
        remedy = "Replace it, or leave all of them out by --skip-unreadable."
        faults.append(fault("unreadable image", "", _unreadable(images, reading), remedy))
    if within and not skip_duplicates:
        remedy = "Both could be in one task. Remove one, or keep only the first of each by --skip-duplicates."
        faults.append(fault("duplicate", "within a class", _named(images, within), remedy))
    if across and not skip_duplicates:
        remedy = "Remove it from the wrong class, or leave out all copies by --skip-duplicates."
        faults.append(fault("duplicate", "in two classes", _named(images, across), remedy))
    return faults


def left_out(images: Images, reading: Reading, skip_unreadable: bool, skip_duplicates: bool) -> set[int]:
    """The indices of images that the switches leave out.

    Of equal images in one class the first stays. Of equal images in two classes none does: one label is wrong.
    """
    within, across = _equal(images, reading) if skip_duplicates else ([], [])
    copies = [number for group in within for number in group[1:]] + [number for group in across for number in group]
    return set(copies) | (set(reading.unreadable) if skip_unreadable else set())


def notes_of(images: Images, reading: Reading, skip_unreadable: bool, skip_duplicates: bool) -> list[str]:
    """What the switches left out, one line for each reason."""
    within, across = _equal(images, reading) if skip_duplicates else ([], [])
    notes = []
    if skip_unreadable and reading.unreadable:
        names = _unreadable(images, reading)
        notes.append(f"{counted(len(names), 'unreadable image')} left out: {some(names)}")
    if within:
        copies = counted(sum(len(group) - 1 for group in within), "duplicate")
        notes.append(f"{copies} within a class left out: {some(_named(images, within))}")
    if across:
        copies = counted(sum(map(len, across)), "duplicate")
        notes.append(f"{copies} in two classes left out: {some(_named(images, across))}")
    return notes


def _equal(images: Images, reading: Reading) -> tuple[list[list[int]], list[list[int]]]:
    """Groups of equal images within one class, and groups across classes."""
    within: list[list[int]] = []
    across: list[list[int]] = []
    for group in reading.equal:
        (within if len({images[number].klass for number in group}) == 1 else across).append(group)
    return within, across


def _unreadable(images: Images, reading: Reading) -> list[str]:
    return [f"{images[number].file!r} ({why})" for number, why in reading.unreadable.items()]


def _named(images: Images, groups: Sequence[Sequence[int]]) -> list[str]:
    """Each group as `'a.jpg' = 'b.jpg'`, with three names at most."""
    return [" = ".join(repr(images[number].file) for number in group[:3]) for group in groups]
