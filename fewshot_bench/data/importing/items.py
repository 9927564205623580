"""A torch Dataset of (image, label), or a list of such pairs, as labelled images. torch itself is not needed."""

import os
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from PIL import Image

from fewshot_bench.basics.errors import BenchError, DataError
from fewshot_bench.data.importing.decoding import UnreadableError
from fewshot_bench.data.importing.layouts import LabelledImage, layout, nfc
from fewshot_bench.data.importing.scanning import Scan
from fewshot_bench.data.opening import array_of, image_of_array


class Items(Protocol):
    """Pairs (image, label) by index: a map-style Dataset, a Subset of one, or a list.

    image: a PIL image, the path of a file, or an array or tensor, [c, h, w], [h, w, c] or [h, w], of uint8 or of floats
    in [0, 1]. label: an integer or a text. If the items have a list `classes`, an integer stands for its entry.
    """

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Any: ...


def scanned_items(items: Items) -> Scan:
    """The images of `items`, each named by its index. Raises DataError if they are no such pairs."""
    try:
        number = len(items)
    except TypeError as error:
        raise DataError(
            f"a {type(items).__name__} has no length. Give a Dataset with items by index, or a list."
        ) from error
    if not number:
        raise DataError(f"the {type(items).__name__} is empty. Give one with images.")
    names = getattr(items, "classes", None)
    digits = len(str(number - 1))
    images = [
        LabelledImage(f"{index:0{digits}d}", _label(_pair(items, index)[1], index, names), None)
        for index in range(number)
    ]
    return Scan(layout(images, f"items of a {type(items).__name__}", ()), partial(_contents, items), {}, ())


def image_of(value: Any) -> Image.Image:
    """An item's image as a PIL image. Raises UnreadableError if it is none."""
    if isinstance(value, Image.Image):
        return value
    try:
        array = array_of(value)
        if array is None:
            raise UnreadableError(f"it is a {type(value).__name__}; give a PIL image, an array or a tensor")
        return image_of_array("it", array[:, :, 0] if array.ndim == 3 and array.shape[2] == 1 else array)
    except BenchError as error:
        raise UnreadableError(str(error).rstrip(".")) from error


def _contents(items: Items, files: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """The image of each item, or its path: one after another, since a Dataset may not be made for threads."""
    for file in files:
        image, _ = _pair(items, int(file))
        yield file, Path(image) if isinstance(image, str | os.PathLike) else image


def _pair(items: Items, index: int) -> tuple[Any, Any]:
    """Image and label of an item. Raises DataError if it is no pair, or if a Dataset's own code fails."""
    try:
        item = items[index]
    except Exception as error:
        raise DataError(
            f"item {index} of the {type(items).__name__} cannot be read: {type(error).__name__}: {error}. Mend it, or "
            "leave it out."
        ) from error
    if not isinstance(item, tuple | list) or len(item) != 2:
        raise DataError(f"item {index} is a {type(item).__name__} and no pair. Give a dataset of (image, label).")
    return item[0], item[1]


def _label(label: Any, index: int, names: Any) -> str:
    """The class of an item: its text, or the entry of `names` at its integer, or that integer."""
    label = label.item() if hasattr(label, "item") and np.asarray(label).size == 1 else label
    if isinstance(label, bool) or not isinstance(label, int | str) or label == "":
        raise DataError(f"the label of item {index} is {label!r:.60}. Give an integer or a text.")
    if isinstance(label, str):
        return nfc(label)
    return nfc(str(names[label])) if isinstance(names, list | tuple) and 0 <= label < len(names) else str(label)
